"""UpdateOTAJob (control-plane reference §5.8)."""

import time
from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import items

pytestmark = pytest.mark.rule("UpdateOTAJob")

PREFIX = "iot.firmware."


def told(fleet: Fleet, job: str, **more: Any) -> dict[str, Any]:
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    return {
        "JobId": job,
        "UpgradeType": details["SelectionType"],
        "TargetSelection": details["TargetSelection"],
        "MaximumPerMinute": 1_000,
    } | more


def update(fleet: Fleet, job: str, **more: Any) -> dict[str, Any]:
    """Says again what the job is, and changes what is told; gives the job's details then."""
    fleet.api.call("UpdateOTAJob", **told(fleet, job, **more))
    details: dict[str, Any] = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    return details


def refused(fleet: Fleet, job: str, **more: Any) -> str:
    return fleet.api.refusal("UpdateOTAJob", **told(fleet, job, **more))


def dynamic(fleet: Fleet, firmware: str, **more: Any) -> str:
    parameters = {"FirmwareId": firmware, "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]} | more
    return str(fleet.api.call("CreateOTADynamicUpgradeJob", **parameters)["Data"]["JobId"])


def static(fleet: Fleet, **more: Any) -> str:
    fleet.device()
    return fleet.job(fleet.package(), **more)


def test_the_rate_is_changed(fleet: Fleet) -> None:
    """§5.8 (MaximumPerMinute 10-10000, to be sent even if unchanged)."""
    job = static(fleet)

    assert update(fleet, job, MaximumPerMinute=10)["MaximumPerMinute"] == 10
    for rate in (9, 10_001):
        assert refused(fleet, job, MaximumPerMinute=rate) == f"{PREFIX}InvalidMaximumPerMinute"
    missing = {name: value for name, value in told(fleet, job).items() if name != "MaximumPerMinute"}
    assert fleet.api.refusal("UpdateOTAJob", **missing) == "MissingMaximumPerMinute"


def test_the_tags_are_replaced_and_cleared_when_absent(fleet: Fleet) -> None:
    """§5.8 (Tags.N, note the plural), §6.6: devices get the new ones with their notice."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], Tag=[{"Key": "old", "Value": "1"}])

    changed = update(fleet, job, Tags=[{"Key": "new", "Value": "2"}])

    assert items(changed["Tags"], "OtaTagDTO") == [{"Key": "new", "Value": "2"}]
    assert fleet.connect(device).offer()["extData"] == {"new": "2"}
    assert items(update(fleet, job)["Tags"], "OtaTagDTO") == []


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "a"}], "iot.common.InvalidFormattedParameter"),
        ([{"Key": "no key", "Value": "x"}], "iot.common.InvalidFormattedParameter"),
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "iot.ota.tag.KeyDuplicated"),
    ],
    ids=str,
)
def test_tags_follow_the_rules_of_the_creation(fleet: Fleet, tags: list[dict[str, str]], code: str) -> None:
    """§6.6."""
    assert refused(fleet, static(fleet), Tags=tags) == code


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"UpgradeType": ""}, "NullSelectionType"),
        ({"UpgradeType": "BOTH"}, "InvalidSelectionType"),
        ({"UpgradeType": "DYNAMIC"}, "InvalidSelectionType"),
        ({"TargetSelection": ""}, "NullTargetSelection"),
        ({"TargetSelection": "SOME"}, "InvalidTargetSelection"),
        ({"TargetSelection": "GRAY"}, "InvalidTargetSelection"),
        ({"TimeoutInMinutes": 1_441}, "InvalidTimeoutSetting"),
        ({"JobId": "x" * 26}, "InvalidOTAJobId"),
        ({"JobId": " "}, "NullOTAJobId"),
    ],
    ids=str,
)
def test_kind_and_selection_say_what_the_job_is(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§5.8, §8.2."""
    assert refused(fleet, static(fleet), **parameters) == PREFIX + code


def test_kind_and_selection_may_be_in_any_letter_case(fleet: Fleet) -> None:
    """§5.8 (example text `All`)."""
    changed = update(fleet, static(fleet), UpgradeType="Static", TargetSelection="All", MaximumPerMinute=20)

    assert changed["MaximumPerMinute"] == 20


def test_a_dynamic_job_gets_new_source_versions(fleet: Fleet) -> None:
    """§5.8 (SrcVersionList: dynamic, version-based only): they count for what devices report afterwards."""
    job = dynamic(fleet, fleet.package())

    changed = update(fleet, job, SrcVersionList=["1.5.0"])

    assert changed["SrcVersions"]["SrcVersion"] == ["1.5.0"]
    fleet.device("old-1", "1.0.0")
    new = fleet.device("new-1", "1.5.0")
    assert fleet.api.states(job) == {new.name: "QUEUED"}
    for versions, code in ((["2.0.0"], "SrcDestVersionMatched"), (["a b"], "IncorrectFormattedSrcVersion")):
        assert refused(fleet, job, SrcVersionList=versions) == PREFIX + code
    too_many = [f"1.{number}" for number in range(11)]
    assert refused(fleet, job, SrcVersionList=too_many) == f"{PREFIX}SrcVersionsSizeExceedMax"


def test_a_new_timeout_is_for_tasks_made_afterwards(fleet: Fleet) -> None:
    """§5.8 (TimeoutInMinutes: dynamic only)."""
    before = fleet.device("before-1")
    job = dynamic(fleet, fleet.package(), TimeoutInMinutes=60)

    assert update(fleet, job, TimeoutInMinutes=5)["TimeoutInMinutes"] == 5

    after = fleet.device("after-1")
    assert (fleet.task(job, before)["Timeout"], fleet.task(job, after)["Timeout"]) == ("60", "5")


def test_the_timeout_stays_longer_than_the_retry_interval(fleet: Fleet) -> None:
    """§5.7 (RetryInterval must be less than TimeoutInMinutes)."""
    job = dynamic(fleet, fleet.package(), TimeoutInMinutes=60, RetryInterval=30, RetryCount=1)

    assert refused(fleet, job, TimeoutInMinutes=30) == f"{PREFIX}InvalidTimeoutSetting"


def test_source_versions_and_timeout_have_no_effect_on_a_static_job(fleet: Fleet) -> None:
    """§5.8."""
    changed = update(fleet, static(fleet, TimeoutInMinutes=60), SrcVersionList=["1.5.0"], TimeoutInMinutes=5)

    assert (changed["TimeoutInMinutes"], changed["SrcVersions"]["SrcVersion"]) == (60, [])


def test_a_planned_job_can_be_changed(fleet: Fleet) -> None:
    """§5.8."""
    job = static(fleet, ScheduleTime=int(time.time() * 1_000) + 3_600_000)

    assert update(fleet, job, MaximumPerMinute=30)["MaximumPerMinute"] == 30


def test_a_job_that_has_ended_stays_as_it_is(fleet: Fleet) -> None:
    """§5.8: only while the batch runs or is planned."""
    device = fleet.device()
    firmware = fleet.package()
    completed = fleet.job(firmware, [device])
    fleet.cancel(firmware, [device.name])
    canceled = fleet.job(firmware, [device])
    fleet.api.call("CancelOTATaskByJob", JobId=canceled, CancelQueuedTask=True)

    assert refused(fleet, completed) == f"{PREFIX}InvalidOTAJobId"
    assert refused(fleet, canceled) == f"{PREFIX}JobAlreadyCanceled"


def test_a_verification_cannot_be_changed(fleet: Fleet) -> None:
    """§5.8 (batch from static or dynamic create)."""
    device = fleet.device()
    job = fleet.verification(fleet.package(NeedToVerify=True), [device])

    assert refused(fleet, job) == f"{PREFIX}InvalidOTAJobId"
