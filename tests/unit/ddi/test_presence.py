"""Devices are online while they come by; what is told of it is told once."""

import asyncio

import pytest

from skyferry.bus.messages import Connected, DisconnectDevice, Disconnected
from tests.unit.ddi.world import ORIGIN, SETTINGS, DdiWorld

INTERVALS_MS = SETTINGS.polls_until_offline * SETTINGS.poll_s * 1_000


async def test_only_the_first_visit_of_a_stay_is_stored(ddi: DdiWorld) -> None:
    first = await ddi.presence.came(1, ORIGIN)
    for _ in range(10):
        assert await ddi.presence.came(1, ORIGIN) is first
    assert [type(each) for each in ddi.taken()] == [Connected]


async def test_a_device_that_misses_its_polls_is_offline(ddi: DdiWorld) -> None:
    stay = await ddi.presence.came(1, ORIGIN)
    ddi.clock.now += 1_000
    await ddi.presence.came(2, ORIGIN)
    ddi.taken()
    ddi.clock.now += INTERVALS_MS - 1_001
    await ddi.presence.sweep()
    assert ddi.taken() == []
    ddi.clock.now += 1
    await ddi.presence.sweep()
    assert ddi.taken() == [Disconnected(1, stay.connection_id, ddi.clock.now)]
    assert len(ddi.presence) == 1
    again = await ddi.presence.came(1, ORIGIN)
    assert again.connection_id != stay.connection_id


async def test_a_longer_interval_is_a_longer_stay(ddi: DdiWorld) -> None:
    ddi.presence.expect(await ddi.presence.came(1, ORIGIN), 2 * SETTINGS.poll_s)
    ddi.clock.now += INTERVALS_MS
    await ddi.presence.sweep()
    assert len(ddi.presence) == 1


async def test_a_visit_that_could_not_be_stored_is_none(ddi: DdiWorld) -> None:
    ddi.bus.hold = True
    coming = ddi.presence.came(1, ORIGIN)

    async def fail() -> None:
        ddi.bus.store(ConnectionError("the worker is gone"))

    results = await asyncio.gather(coming, fail(), return_exceptions=True)
    assert isinstance(results[0], ConnectionError)
    assert len(ddi.presence) == 0


async def test_a_device_that_is_barred_has_left(ddi: DdiWorld) -> None:
    stay = await ddi.presence.came(1, ORIGIN)
    ddi.taken()
    await ddi.presence.on_commands([DisconnectDevice(1), DisconnectDevice(2)])
    await ddi.presence.stop()
    assert ddi.taken() == [Disconnected(1, stay.connection_id, ddi.clock.now)]


@pytest.mark.parametrize("devices", [1, 50])
async def test_a_sweep_reports_each_once(ddi: DdiWorld, devices: int) -> None:
    for number in range(devices):
        await ddi.presence.came(number, ORIGIN)
    ddi.taken()
    ddi.clock.now += INTERVALS_MS
    await ddi.presence.sweep()
    await ddi.presence.sweep()
    assert len(ddi.taken()) == devices
