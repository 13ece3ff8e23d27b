"""A gateway sends its devices away one after the other."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from skyferry.devices.draining import DRAINED, drain

DEVICES = 40
SECONDS = 20


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Fleet:
    """Devices, numbered in the order of their log-ins."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.there = [Device(self, number) for number in range(DEVICES)]
        self.gone: list[tuple[int, float]] = []

    async def drain(self, sleep: Callable[[float], Awaitable[None]] | None = None) -> None:
        await drain(lambda: self.there, SECONDS, now=self.clock.read, sleep=sleep or self.clock.sleep)

    @property
    def order(self) -> list[int]:
        return [number for number, _ in self.gone]


class Device:
    """One of them; a busy one is so until a moment."""

    def __init__(self, fleet: Fleet, number: int) -> None:
        self._fleet = fleet
        self._number = number
        self.busy_until = 0.0

    @property
    def is_busy(self) -> bool:
        return self._fleet.clock.now < self.busy_until

    def close(self, reason: str) -> None:
        assert reason == DRAINED
        self._fleet.there.remove(self)
        self._fleet.gone.append((self._number, self._fleet.clock.now))


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(Clock())


async def test_devices_go_in_the_order_of_their_log_ins_at_an_even_rate(fleet: Fleet) -> None:
    await fleet.drain()
    assert fleet.order == list(range(DEVICES))
    for number, moment in fleet.gone:
        assert moment == pytest.approx((number + 1) * SECONDS / DEVICES, abs=0.11)


async def test_a_device_with_a_message_under_way_goes_when_it_has_its_acknowledgement(fleet: Fleet) -> None:
    fleet.there[3].busy_until = 10
    await fleet.drain()
    assert fleet.order[:4] == [0, 1, 2, 4]
    gone = dict(fleet.gone)
    assert 10 <= gone[3] <= 11
    assert len(gone) == DEVICES


async def test_one_that_is_never_at_rest_is_left_to_the_stop(fleet: Fleet) -> None:
    fleet.there[3].busy_until = SECONDS + 1
    await fleet.drain()
    assert fleet.clock.now == pytest.approx(SECONDS)
    assert 3 not in fleet.order
    assert len(fleet.order) == DEVICES - 1


async def test_devices_that_leave_by_themselves_make_room_in_the_plan(fleet: Fleet) -> None:
    del fleet.there[DEVICES // 2 :]
    half = fleet.there[:]
    fleet.there += [Device(fleet, number) for number in range(DEVICES // 2, DEVICES)]

    async def leave_at_once(seconds: float) -> None:
        del fleet.there[len(half) :]
        await fleet.clock.sleep(seconds)

    await fleet.drain(leave_at_once)
    assert fleet.order == list(range(DEVICES // 2))
    assert fleet.gone[0][1] > SECONDS / 2


async def test_a_drain_can_be_given_up(fleet: Fleet) -> None:
    began = asyncio.Event()

    async def for_ever(_: float) -> None:
        began.set()
        await asyncio.Event().wait()

    draining = asyncio.create_task(fleet.drain(for_ever))
    await began.wait()
    draining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await draining
    assert len(fleet.there) == DEVICES


async def test_without_devices_nothing_is_waited_for(fleet: Fleet) -> None:
    fleet.there.clear()
    await fleet.drain()
    assert fleet.clock.now == 0
