"""No task is left without its device, whoever makes it while the device goes: no foreign key sees to that.

Each test lets two transactions of PostgreSQL meet in one order (docs/adr/0008-tasks-without-foreign-keys.md).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.util import await_only

from skyferry.bus.messages import VersionReported
from skyferry.fleet.devices import DeviceReference
from skyferry.ota import removal, reports, selection
from skyferry.ota.jobs import FUTURE
from skyferry.ota.offers import OfferMaker
from skyferry.store import jobs
from skyferry.store.dialect import see_commits
from skyferry.store.engine import Store
from skyferry.store.tables import devices, metadata, tasks
from tests.support.counting import assert_owned
from tests.support.postgresql import PostgresqlServer
from tests.support.rows import START, World

_SOON: Final = 0.3
"""Seconds in which a transaction that waits for no other is done."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A device that gets its task with the next portion of one job, or when it reports to the other."""

    world: World
    device_id: int
    iot_id: str
    maker: OfferMaker


Work = Callable[[Connection, Scene], object]


def prepare(tx: Connection) -> Scene:
    world = World(tx)
    world.in_portions_of(1)
    for name in ("dev0", "dev1"):
        device = world.make_device(name)
    world.make_job(world.make_package())
    world.make_dynamic(world.make_package("3.0.0"), dynamic_mode=FUTURE)
    return Scene(world, device.id, device.iot_id, world.maker)


def make_portion(tx: Connection, scene: Scene) -> None:
    """As the worker does."""
    if job := jobs.next_selecting(tx):
        selection.select_portion(tx, job, scene.world.limits, START)


def report(tx: Connection, scene: Scene) -> None:
    """As the parts of the stream do: what one sees of the others is committed."""
    see_commits(tx)
    said = [VersionReported(scene.device_id, "default", "1.0.0", START)]
    reports.apply(tx, said, limits=scene.world.limits, maker=scene.maker, now=START)


def remove(tx: Connection, scene: Scene) -> None:
    reference = DeviceReference(scene.iot_id, None, None)
    removal.remove_device(tx, scene.world.instance.id, reference, now=START)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with PostgresqlServer() as started:
        yield started


@pytest.fixture
async def store(server: PostgresqlServer) -> AsyncIterator[Store]:
    server.run("DROP DATABASE IF EXISTS orphans")
    server.run("CREATE DATABASE orphans")
    opened = Store(server.url("orphans"))
    await opened.write(metadata.create_all)
    yield opened
    await opened.close()


@pytest.mark.parametrize("make", [make_portion, report])
@pytest.mark.parametrize("removed_first", [False, True], ids=["made first", "removed first"])
async def test_a_device_goes_while_it_gets_a_task(store: Store, make: Work, *, removed_first: bool) -> None:
    scene = await store.write(prepare)
    first, second = (remove, make) if removed_first else (make, remove)
    done, go_on = asyncio.Event(), asyncio.Event()

    def hold(tx: Connection) -> None:
        first(tx, scene)
        done.set()
        await_only(go_on.wait())

    holding = asyncio.create_task(store.write(hold))
    await done.wait()
    meeting = asyncio.create_task(store.write(second, scene))
    await asyncio.wait([meeting], timeout=_SOON)
    go_on.set()
    await asyncio.gather(holding, meeting)

    def check(tx: Connection) -> None:
        assert scene.device_id not in tx.execute(select(devices.c.id)).scalars().all()
        assert scene.device_id not in tx.execute(select(tasks.c.device_id)).scalars().all()
        assert_owned(tx)

    await store.read(check)
