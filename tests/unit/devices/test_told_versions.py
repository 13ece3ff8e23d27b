"""Offers of what a device has said that it runs."""

from skyferry.bus.messages import Notice, NoticeKind
from skyferry.devices.told_versions import ToldVersions


def push(version: str, module: str | None = None, kind: NoticeKind = NoticeKind.PUSH) -> Notice:
    named = f'"module":"{module}",' if module else ""
    return Notice(1, kind, f'{{"data":{{{named}"version":"{version}"}}}}'.encode(), 5)


def test_a_device_runs_what_it_has_said_last_of_each_module() -> None:
    told = ToldVersions()
    assert told.offered_by(push("1.0")) is None
    told.remember("default", "1.0", most=8)
    told.remember("MCU", "7", most=8)
    assert told.offered_by(push("1.0")) == ("default", "1.0")
    assert told.offered_by(push("7", "MCU")) == ("MCU", "7")
    assert told.offered_by(push("7")) is None
    assert told.offered_by(push("1.0", "MCU")) is None
    assert told.offered_by(push("1.0.1")) is None
    told.remember("default", "2.0", most=8)
    assert told.offered_by(push("1.0")) is None


def test_an_answer_is_no_push() -> None:
    told = ToldVersions()
    told.remember("default", "1.0", most=8)
    assert told.offered_by(push("1.0", kind=NoticeKind.GET_REPLY)) is None
    assert told.offered_by(Notice(1, NoticeKind.PUSH, b"1.0", 5)) is None


def test_only_the_latest_modules_are_remembered() -> None:
    told = ToldVersions()
    for module in ("A", "B", "A", "C"):
        told.remember(module, "1.0", most=2)
    assert [told.offered_by(push("1.0", module)) is not None for module in "ABC"] == [True, False, True]
