"""Rows that were there before the migration 0014 go with their owner as before, and as those that come after it."""

from pathlib import Path

from alembic import command
from sqlalchemy import Connection, delete, func, inspect, select, text

from skyferry.store import migrate
from skyferry.store.engine import Store
from skyferry.store.tables import devices, task_history, tasks
from tests.support import databases
from tests.support.rows import World


def fill(tx: Connection) -> int:
    """Two devices with a task that has a history; tells the key of the first."""
    world = World(tx)
    first, second = world.make_device("dev0"), world.make_device("dev1")
    world.make_job(world.make_package())
    for device in (first, second):
        world.say_progress(device, 10)
    return first.id


def counts(tx: Connection) -> list[int]:
    return [tx.execute(select(func.count()).select_from(table)).scalar_one() for table in (tasks, task_history)]


def keys(tx: Connection) -> list[str]:
    return [key["referred_table"] for table in ("tasks", "task_history") for key in inspect(tx).get_foreign_keys(table)]


def is_sound(tx: Connection) -> bool:
    return tx.dialect.name != "sqlite" or tx.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


async def test_tasks_and_their_history_go_with_what_they_belong_to(tmp_path: Path) -> None:
    store = Store(databases.url(tmp_path / "skyferry.db", empty=True))
    await store.write(lambda tx: command.upgrade(migrate._config(tx), "0013"))
    device_id = await store.write(fill)
    before = await store.read(counts)
    assert before[0] == 2
    assert len(await store.read(keys)) == 3

    await migrate.upgrade(store)
    assert await store.read(counts) == before
    assert await store.read(keys) == []
    assert await store.read(is_sound)
    await store.write(lambda tx: tx.execute(delete(devices).where(devices.c.id == device_id)).close())
    assert await store.read(counts) == [number // 2 for number in before]

    await store.write(lambda tx: command.downgrade(migrate._config(tx), "0013"))
    assert await store.read(is_sound)
    assert len(await store.read(keys)) == 3
    await store.write(lambda tx: tx.execute(delete(devices)).close())
    assert await store.read(counts) == [0, 0]
    await store.close()
