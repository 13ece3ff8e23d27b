"""Maintenance windows, in one time zone and in each device's own."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from skyferry.ota import windows
from skyferry.ota.controls import DEVICE, Controls, Window
from skyferry.store.devices import DeviceRecord
from skyferry.store.tables import device_tags
from tests.support.rows import World

NIGHT = Window("0 2 * * *", 60)
BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-24T02:00:00", "2026-11-24T02:00:00"),
        ("2026-11-24T02:59:59.999", "2026-11-24T02:59:59.999"),
        ("2026-11-24T03:00:00", "2026-11-25T02:00:00"),
        ("2026-11-24T01:59:59.999", "2026-11-24T02:00:00"),
        ("2026-11-24T23:00:00", "2026-11-25T02:00:00"),
    ],
)
def test_a_window_is_open_from_its_minute_for_its_length(now: str, opens: str) -> None:
    assert windows.next_open([NIGHT], UTC, ms(now)) == ms(opens)


def test_of_several_windows_the_next_one_counts() -> None:
    both = [NIGHT, Window("30 13 * * 1-5", 15)]
    assert windows.next_open(both, UTC, ms("2026-11-24T12:00:00")) == ms("2026-11-24T13:30:00")
    assert windows.next_open(both, UTC, ms("2026-11-24T13:44:00")) == ms("2026-11-24T13:44:00")
    assert windows.next_open(both, UTC, ms("2026-11-28T12:00:00")) == ms("2026-11-29T02:00:00")


def test_a_window_goes_by_the_clocks_of_its_zone() -> None:
    assert windows.next_open([NIGHT], BERLIN, ms("2026-11-24T01:30:00")) == ms("2026-11-24T01:30:00")
    assert windows.next_open([NIGHT], BERLIN, ms("2026-11-24T02:30:00")) == ms("2026-11-25T01:00:00")
    assert windows.next_open([NIGHT], BERLIN, ms("2026-07-01T23:00:00")) == ms("2026-07-02T00:00:00")


def test_a_window_that_summer_time_skips_opens_all_the_same() -> None:
    opens = windows.next_open([Window("30 2 * * *", 10)], BERLIN, ms("2026-03-29T00:00:00"))
    assert ms("2026-03-29T00:30:00") <= opens <= ms("2026-03-29T02:00:00")


def test_without_windows_a_job_is_open() -> None:
    assert windows.opens_at(Controls(), 5) == 5


def job_at(world: World, now: str, zone: str) -> DeviceRecord:
    """A device that is online and waits for its push at a time of day."""
    world.now = ms(now)
    device = world.make_device("dev0")
    world.connect(device)
    world.make_static(world.make_package(), controls=Controls(windows=(NIGHT,), window_time_zone=zone))
    return device


def test_pushes_wait_for_the_window(world: World) -> None:
    device = job_at(world, "2026-11-24T03:00:00", "UTC")
    assert (world.dispatch(), world.pull(device)) == ([], {})
    world.now = ms("2026-11-25T01:59:59")
    assert (world.dispatch(), world.pull(device)) == ([], {})
    world.now = ms("2026-11-25T02:00:00")
    assert len(world.dispatch()) == 1


def test_a_device_that_asks_within_the_window_gets_its_package(world: World) -> None:
    assert world.pull(job_at(world, "2026-11-24T02:10:00", "UTC")) != {}


def test_each_device_may_have_its_own_night(world: World) -> None:
    here = job_at(world, "2026-11-24T01:30:00", DEVICE)
    world.tx.execute(
        device_tags.insert(),
        {"instance_id": world.instance.id, "device_id": here.id, "key": "timezone", "value": "Europe/Berlin"},
    )
    there = world.make_device("dev1")
    assert [notice.device_id for notice in world.dispatch()] == [here.id]
    world.connect(there)
    world.make_static(world.make_package("3.0.0"), controls=Controls(windows=(NIGHT,), window_time_zone=DEVICE))
    assert (world.dispatch(), world.pull(there)) == ([], {})
    world.now = ms("2026-11-24T02:00:00")
    assert [notice.device_id for notice in world.dispatch()] == [there.id]
