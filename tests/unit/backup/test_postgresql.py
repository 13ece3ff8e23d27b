"""A server on PostgreSQL is backed up by PostgreSQL's own programs, as docs/guide/backup.md says."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select, text

from skyferry.cluster.installation import check_key
from skyferry.keys import KeyFileError, KeyRing
from skyferry.store import migrate, task_counts
from skyferry.store.engine import Store
from skyferry.store.tables import tasks
from tests.support.postgresql import PostgresqlServer
from tests.support.rows import World

_TRIGGERS = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"


def fill(tx: Connection) -> int:
    world = World(tx)
    devices = [world.make_device(f"dev{number}") for number in range(3)]
    job = world.make_job(world.make_package())
    world.select_portion()
    world.say_version(devices[0], "2.0.0")
    return job.id


def triggers(tx: Connection) -> list[str]:
    return list(tx.execute(text(_TRIGGERS)).scalars())


async def test_a_dump_brings_back_rows_counters_and_the_key_that_belongs_to_them(tmp_path: Path) -> None:
    key, other = tmp_path / "master.key", tmp_path / "other.key"
    with PostgresqlServer() as server:
        server.run("CREATE DATABASE skyferry")
        store = Store(server.url("skyferry"))
        await migrate.upgrade(store)
        await store.write(check_key, KeyRing.load_or_create(key), key)
        job = await store.write(fill)
        made = await store.read(triggers)

        dump = str(tmp_path / "skyferry.dump")
        server.tool("pg_dump", "--format=custom", f"--file={dump}", server.url("skyferry"))
        server.run("CREATE DATABASE restored")
        server.tool(
            "pg_restore", "--exit-on-error", f"--dbname={server.url('restored')}", str(tmp_path / "skyferry.dump")
        )

        restored = Store(server.url("restored"))
        await migrate.check(restored)
        assert await restored.read(triggers) == made
        assert await restored.read(lambda tx: tx.execute(select(func.count()).select_from(tasks)).scalar_one()) == 3
        counts = await restored.read(task_counts.count_by_status, job)
        assert counts == await store.read(task_counts.count_by_status, job)
        await restored.write(lambda tx: tx.execute(tasks.delete()))
        assert await restored.read(task_counts.count_by_status, job) == {}
        await restored.write(check_key, KeyRing.load(key), key)
        with pytest.raises(KeyFileError, match="another key"):
            await restored.write(check_key, KeyRing.load_or_create(other), other)
        await restored.close()
        await store.close()
