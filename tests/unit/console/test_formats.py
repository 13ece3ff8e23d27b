"""How numbers, times and parameters are written."""

from collections.abc import Iterator

import pytest

from skyferry.console import formats, languages
from skyferry.console.parameters import flat


@pytest.fixture
def language() -> Iterator[None]:
    yield
    languages.current.set(languages.DEFAULT)
    formats.zone.set(None)


def test_a_moment_is_shown_in_the_viewers_zone_with_utc_on_hover(language: None) -> None:
    formats.zone.set(formats.read_zone("Asia/Shanghai"))

    shown = formats.time("2026-11-23T23:16:00.000Z")

    assert shown == '<time datetime="2026-11-23T23:16:00Z" title="2026-11-23T23:16:00Z">2026-11-24 07:16:00</time>'


@pytest.mark.parametrize("value", ["2026-11-23T09:16:00.000Z", "2026-11-23T09:16:00", 1_795_425_360_000])
def test_a_moment_is_in_utc_as_long_as_the_zone_is_unknown(value: str | int) -> None:
    assert ">2026-11-23 09:16:00<" in formats.time(value)


@pytest.mark.parametrize("name", [None, "", "Nowhere/City", "../etc/passwd", "a" * 1_000, "\0"])
def test_a_zone_that_does_not_exist_is_none(name: str | None) -> None:
    assert formats.read_zone(name) is None


def test_what_is_absent_is_a_dash() -> None:
    absent = '<span class="muted">-</span>'

    assert [formats.time(None), formats.time(""), formats.number(None), formats.size(None), formats.percent(None)] == (
        [absent] * 5
    )


def test_numbers_are_readable() -> None:
    assert formats.number(1_234_567) == "1,234,567"
    assert formats.percent(0.1234) == "12.3%"
    assert [formats.size(value) for value in (0, 1_023, 1_536, 104_857_600)] == ["0 B", "1,023 B", "1.5 KiB", "100 MiB"]


@pytest.mark.parametrize(
    ("wanted", "accepted", "language"),
    [
        (None, "", "en"),
        ("zh", "en", "zh"),
        ("fr", "zh-CN,zh;q=0.9", "zh"),
        (None, "fr;q=0.9,zh-TW;q=0.5,en;q=0.4", "zh"),
        (None, "de,fr", "en"),
        (None, "zh;q=abc,;;,en", "en"),
    ],
)
def test_a_page_is_in_the_language_of_its_reader(wanted: str | None, accepted: str, language: str) -> None:
    assert languages.choose(wanted, accepted) == language


def test_lists_and_structures_become_parameters_of_the_wire() -> None:
    given = {
        "JobId": "j",
        "SrcVersion": ["1.0", "2.0"],
        "Tag": [{"Key": "k", "Value": "v"}],
        "NeedPush": False,
        "Count": 3,
        "Absent": None,
        "Empty": "",
    }

    assert flat(given) == {
        "JobId": "j",
        "SrcVersion.1": "1.0",
        "SrcVersion.2": "2.0",
        "Tag.1.Key": "k",
        "Tag.1.Value": "v",
        "NeedPush": "false",
        "Count": "3",
    }
