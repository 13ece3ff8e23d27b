"""Forms of batches and packages as parameters of calls."""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import pytest
from multidict import MultiDict, MultiDictProxy

from skyferry.console import formats, job_forms, reading
from skyferry.console.pages.job_changes import rollout_values
from skyferry.console.pages.package_changes import package_parameters
from skyferry.console.pages.uploads import suffix_of
from skyferry.console.pages.verification import condition


@pytest.fixture
def berlin() -> Iterator[None]:
    formats.zone.set(ZoneInfo("Europe/Berlin"))
    yield
    formats.zone.set(None)


def form(*pairs: tuple[str, str], **fields: str) -> MultiDictProxy[str]:
    """A form as a browser sends it."""
    return MultiDictProxy(MultiDict([*fields.items(), *pairs]))


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"TargetSelection": "ALL"}, {"SrcVersion": ["1.0", "1.1"]}),
        ({"TargetSelection": "GRAY"}, {"SrcVersion": ["1.0", "1.1"], "GrayPercent": "5"}),
        ({"TargetSelection": "SPECIFIC"}, {"TargetDeviceName": ["a", "b"], "DnListFileUrl": ""}),
        ({"TargetSelection": "GROUP"}, {"GroupId": "g", "GroupType": "LINK_PLATFORM"}),
    ],
)
def test_of_a_scope_only_what_goes_with_it_is_told(fields: Mapping[str, str], kept: Mapping[str, object]) -> None:
    everything = form(
        ("SrcVersion", "1.0"), versions="1.1, 1.0", names="a\r\nb a", GrayPercent="5", GroupId="g", **fields
    )

    told = job_forms.static_parameters(everything)

    scoped = {"SrcVersion", "GrayPercent", "TargetDeviceName", "DnListFileUrl", "GroupId", "GroupType"}
    assert {name: value for name, value in told.items() if name in scoped} == kept


def test_times_are_those_of_the_viewers_zone(berlin: None) -> None:
    told = job_forms.static_parameters(form(start="scheduled", ScheduleTime="2026-01-01T01:00", ScheduleFinishTime=""))

    assert (told["ScheduleTime"], told["ScheduleFinishTime"]) == ("1767225600000", "")
    assert reading.moment("2026-01-01T00:00+00:00") == "1767225600000"
    assert "ScheduleTime" not in job_forms.static_parameters(form(start="now", ScheduleTime="2026-01-01T01:00"))


def test_nothing_holds_a_batch_back_unless_it_is_told() -> None:
    defaults = form(HaltMinimumExecuted="1", WindowTimeZone="UTC", rate="constant", RateStart="5", window_cron="")

    assert job_forms.controls(defaults, dynamic=False) == {}


def test_stages_are_for_static_batches_only() -> None:
    told = form(("window_cron", "0 2 * * *"), ("window_minutes", "60"), stages="10%, 100%", WindowTimeZone="UTC")

    windows = {"Window": [{"Cron": "0 2 * * *", "Minutes": "60"}], "WindowTimeZone": "UTC"}
    assert job_forms.controls(told, dynamic=True) == windows
    stages = {"Stage": ["10", "100"], "StageSuccessPercent": ""}
    assert job_forms.controls(told, dynamic=False) == stages | windows


def test_what_holds_a_batch_back_is_told_as_it_was() -> None:
    held_back = {
        "HaltFailureCount": 3,
        "HaltMinimumExecuted": 1,
        "Stages": [10, 100],
        "Windows": [{"Cron": "0 2 * * *", "Minutes": 60}],
        "WindowTimeZone": "UTC",
        "RateStart": 5,
        "RateGrowthPercent": 200,
        "RateGrowthSuccesses": 10,
    }

    told = job_forms.controls(rollout_values(held_back), dynamic=False)

    numbers = {name: str(value) for name, value in held_back.items() if isinstance(value, int)}
    assert {name: value for name, value in told.items() if name in numbers} == numbers
    assert (told["Stage"], told["Window"]) == (["10", "100"], [{"Cron": "0 2 * * *", "Minutes": "60"}])


def test_a_preview_is_of_a_form_whatever_rows_are_empty() -> None:
    before = form(("tag_key", ""), TargetSelection="ALL", do="preview", form_token="a")
    after = form(TargetSelection="ALL", do="start", previewed="x", form_token="b")

    assert job_forms.digest(before) == job_forms.digest(after)
    assert job_forms.digest(before) != job_forms.digest(form(TargetSelection="GRAY"))


def test_one_file_is_the_packages_own_and_several_have_names() -> None:
    one = package_parameters(form(("file_name", ""), ("file_url", "u"), Type="0", SrcVersion="1"))
    assert (one["FirmwareUrl"], "MultiFiles" in one, "SrcVersion" in one) == ("u", False, False)

    rows = (("file_name", "a"), ("file_url", "u"), ("file_name", ""), ("file_url", ""), ("file_name", "b"))
    two = package_parameters(form(*rows, ("file_url", "v"), Type="1", SrcVersion="1"))
    assert two["MultiFiles"] == [{"Name": "a", "Url": "u"}, {"Name": "b", "Url": "v"}]
    assert ("FirmwareUrl" in two, two["SrcVersion"]) == (False, "1")


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.bin", "bin"), ("a.TAR.GZ", "tar.gz"), ("a.gz", "gz"), ("a.img", "bin"), ("", "bin")]
)
def test_a_file_keeps_the_suffix_that_packages_know(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix


def test_candidates_run_another_version_or_the_one_that_is_asked_for() -> None:
    package = {"ModuleName": 'a"b', "DestVersion": "2"}

    assert condition(package, "") == 'ota_module.name = "a""b" AND ota_module.version != "2"'
    assert condition(package, "1").endswith('= "1"')
    assert condition(package | {"SrcVersion": "1.5"}, "1").endswith('= "1.5"')
