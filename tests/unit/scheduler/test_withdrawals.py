"""Pushes of tasks that have ended are withdrawn, whatever ended them."""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import Connection

from skyferry.bus.local import LocalBus
from skyferry.bus.messages import Command, WithdrawPush
from skyferry.ota import deadlines
from skyferry.scheduler.withdrawals import Withdrawals
from skyferry.store.devices import DeviceRecord
from skyferry.store.dialect import see_commits
from skyferry.store.engine import Store
from tests.support.clock import ManualClock
from tests.support.rows import START, World

Key = tuple[int, int]


def begun(tx: Connection, timeout_minutes: int | None = None) -> tuple[World, DeviceRecord, Key]:
    """A device that was pushed to, and its task."""
    see_commits(tx)  # as what sends pushes does
    world = World(tx)
    device = world.make_device("dev0")
    job = world.make_job(world.make_package(), timeout_minutes=timeout_minutes)
    world.connect(device)
    world.say_version(device, "1.0.0")
    assert world.dispatch()
    return world, device, (device.id, world.tasks(job)[0].id)


def runs_out_of_time(tx: Connection) -> list[Key]:
    world, device, key = begun(tx, timeout_minutes=1)
    world.say_progress(device, 10)
    assert deadlines.end_overdue(tx, world.now + 60_000, 10) == 1
    return [key]


def fails(tx: Connection) -> list[Key]:
    world, device, key = begun(tx)
    world.say_progress(device, -1)
    return [key]


def is_replaced(tx: Connection) -> list[Key]:
    world, _, key = begun(tx)
    world.make_job(world.make_package("3.0.0"), overwrite_mode=2)
    return [key]


def goes_on(tx: Connection) -> list[Key]:
    world, device, _ = begun(tx)
    world.say_progress(device, 10)
    return []


@pytest.mark.parametrize("work", [runs_out_of_time, fails, is_replaced, goes_on])
async def test_what_has_ended_is_withdrawn(store: Store, work: Callable[[Connection], list[Key]]) -> None:
    told: list[Command] = []

    async def on_commands(commands: Sequence[Command]) -> None:
        told.extend(commands)

    bus = LocalBus()
    bus.attach_gateway(on_commands)
    withdrawals = Withdrawals(store, bus, ManualClock())
    ended = await store.write(work)
    await withdrawals.drain()
    assert told == [WithdrawPush(*key, START) for key in ended]
