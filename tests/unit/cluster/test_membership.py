"""That a process lives, as the others know it, and what it does when they may not have known it for a while."""

from collections.abc import AsyncIterator

import pytest

from skyferry.cluster.membership import SILENT_MS, Member, Membership
from skyferry.store import processes
from skyferry.store.engine import Store
from tests.support.clock import ManualClock
from tests.support.rows import START


class World:
    """A process that lets go of its devices when it must."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ManualClock()
        self.let_go = 0
        self.membership = Membership(store, self.clock, Member("one", "gateway,worker"), self._lapse)

    async def _lapse(self) -> None:
        self.let_go += 1

    async def silent(self) -> list[str]:
        """Who is taken for dead."""
        found = await self.store.read(processes.silent, self.clock.now - SILENT_MS)
        return [process for process, _ in found]


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    made = World(store)
    await made.membership.start()
    yield made
    await made.membership.stop()
    assert await store.read(processes.silent, 2 * START) == []


async def test_a_process_that_beats_lives(world: World) -> None:
    for _ in range(10):
        world.clock.now += 5_000
        await world.membership.beat()
    assert await world.silent() == []
    assert world.let_go == 0
    await world.membership.check()


async def test_a_process_that_was_silent_for_long_lets_go_of_its_devices_and_is_back(world: World) -> None:
    world.clock.now += SILENT_MS + 1
    assert await world.silent() == ["one"]
    with pytest.raises(ConnectionError):
        await world.membership.check()
    await world.membership.beat()
    assert world.let_go == 1
    assert await world.silent() == []
    await world.membership.check()


async def test_a_short_silence_costs_no_connection(world: World) -> None:
    world.clock.now += SILENT_MS
    await world.membership.beat()
    assert world.let_go == 0


async def test_who_was_not_heard_of_itself_does_not_judge_of_others(world: World) -> None:
    assert not world.membership.may_judge
    for _ in range(5):
        world.clock.now += 5_000
        await world.membership.beat()
    assert world.membership.may_judge
    world.clock.now += 15_000  # the database was away for all
    assert not world.membership.may_judge
    await world.membership.beat()
    assert not world.membership.may_judge
    for _ in range(5):
        world.clock.now += 5_000
        await world.membership.beat()
    assert world.membership.may_judge
