"""Devices of processes that have died are reported offline, those of others are left alone."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection

from skyferry.bus.messages import Disconnected
from skyferry.cluster.membership import SILENT_MS, Member, Membership
from skyferry.scheduler import departures
from skyferry.scheduler.departures import Departures
from skyferry.store import presence, processes
from skyferry.store.engine import Store
from skyferry.store.presence import Arrival
from tests.support.clock import ManualClock
from tests.support.rows import START, World
from tests.unit.devices.support import RecordingBus


def connect_devices(tx: Connection) -> tuple[int, int, int]:
    """A device of the process `dead`, one of `deadly`, one that is offline."""
    world = World(tx)
    one, other, offline = (world.make_device(name).id for name in ("dev1", "dev2", "dev3"))
    arrivals = [Arrival(one, "dead-7", "10.0.0.1", START), Arrival(other, "deadly-7", "10.0.0.2", START)]
    presence.note_arrivals(tx, arrivals)
    return one, other, offline


class Scene:
    """A worker that looks after others."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = ManualClock()
        self.bus = RecordingBus()
        self.membership = Membership(store, self.clock, Member("worker", "worker"))
        self.departures = Departures(store, self.bus, self.clock, self.membership)

    async def pass_time(self, ms: int) -> None:
        """This process and `deadly` go on, `dead` is silent."""
        for _ in range(ms // 5_000):
            self.clock.now += 5_000
            await self.membership.beat()
            await self.store.write(processes.enter, "deadly", roles="gateway", now=self.clock.now)


@pytest.fixture
async def scene(store: Store) -> AsyncIterator[Scene]:
    made = Scene(store)
    await made.membership.start()
    for process in ("dead", "deadly"):
        await store.write(processes.enter, process, roles="gateway", now=START)
    yield made
    await made.membership.stop()


async def test_devices_of_a_dead_process_are_reported_offline(scene: Scene) -> None:
    dead, _, _ = await scene.store.write(connect_devices)
    await scene.pass_time(15_000)
    await scene.departures.report()
    assert scene.bus.reports == []
    await scene.pass_time(SILENT_MS)
    await scene.departures.report()
    assert scene.bus.reports == [Disconnected(dead, "dead-7", scene.clock.now)]


async def test_a_dead_process_is_looked_after_until_nothing_of_it_can_come_any_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departures, "_REMEMBERED_MS", 60_000)
    await scene.pass_time(60_000)
    await scene.departures.report()
    assert [process for process, _ in await scene.store.read(processes.silent, scene.clock.now - SILENT_MS)] == ["dead"]
    await scene.store.write(connect_devices)  # what it had reported last was stored only now
    await scene.departures.report()
    assert len(scene.bus.reports) == 1
    await scene.store.write(presence.forget_connections, scene.clock.now)
    await scene.pass_time(10_000)
    await scene.departures.report()
    assert await scene.store.read(processes.silent, scene.clock.now - SILENT_MS) == []


async def test_who_may_have_been_silent_itself_reports_nobody(scene: Scene) -> None:
    await scene.store.write(connect_devices)
    scene.clock.now += 10 * SILENT_MS
    await scene.departures.report()
    assert scene.bus.reports == []
