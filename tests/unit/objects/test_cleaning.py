from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, update

from skyferry.objects.cleaning import remove_orphans, remove_strays
from skyferry.objects.limits import ObjectLimits
from skyferry.store import objects as statements
from skyferry.store.tables import jobs
from tests.support.rows import World
from tests.unit.objects.serving import ObjectServer, add_package_of, serving
from tests.unit.objects.storages import Storage

HOUR_MS = 3_600_000


@pytest.fixture
async def server(tmp_path: Path, storage: Storage) -> AsyncIterator[ObjectServer]:
    async with serving(tmp_path, storage=storage) as started:
        yield started


def add_job_of(tx: Connection, list_key: str) -> None:
    """A running job that reads its devices from an object."""
    world = World(tx)
    world.make_device("dev-1")
    world.make_job(world.make_package(), ["dev-1"])
    tx.execute(update(jobs).values(list_key=list_key))


def end_jobs(tx: Connection) -> None:
    tx.execute(update(jobs).values(ended_at=1))


def list_keys(tx: Connection) -> list[str | None]:
    return list(tx.execute(select(jobs.c.list_key)).scalars())


async def clean(server: ObjectServer, batch: int = 500) -> int:
    limits = ObjectLimits(cleaning_batch=batch)
    return await remove_orphans(server.store, server.objects, server.clock, limits)


@pytest.mark.rule("GenerateOTAUploadURL", "GenerateDeviceNameListURL")
async def test_unused_file_is_removed_after_an_hour(server: ObjectServer) -> None:
    key = await server.put(b"abc")
    server.clock.now += HOUR_MS
    assert await clean(server) == 0
    server.clock.now += 1
    assert await clean(server) == 1
    assert (server.files(), await server.rows()) == ([], 0)
    assert (await server.get(key)).code == "NoSuchKey"


async def test_removed_file_is_refused_to_the_device_that_has_just_had_it(server: ObjectServer) -> None:
    key = await server.put(b"abc")
    server.clock.now += 2 * HOUR_MS
    target = server.urls.sign(key, server.clock.now, task_id=1).removeprefix(server.urls.base_url)
    assert (await server.fetch(target)).body == b"abc"
    assert await clean(server) == 1
    for method in ("GET", "HEAD"):
        refused = await server.fetch(target, method=method)
        assert refused.status == 404, refused


async def test_file_of_a_package_stays(server: ObjectServer) -> None:
    unused, used = await server.put(b"abc"), await server.put(b"abc")
    await server.store.write(add_package_of, used)
    server.clock.now += 2 * HOUR_MS
    assert await clean(server) == 1
    assert [name.rpartition(".")[0] for name in server.files()] == [used]
    assert (await server.get(used)).body == b"abc"
    assert (await server.get(unused)).code == "NoSuchKey"


async def test_list_of_a_job_stays_until_the_job_has_ended(server: ObjectServer) -> None:
    key = await server.put(b"device-1")
    await server.store.write(add_job_of, key)
    server.clock.now += 2 * HOUR_MS
    assert await clean(server) == 0
    assert (await server.get(key)).body == b"device-1"
    await server.store.write(end_jobs)
    assert await clean(server) == 1
    assert server.files() == []
    assert await server.store.read(list_keys) == [None]


async def test_one_cleaning_is_bounded_and_begins_with_the_oldest(server: ObjectServer) -> None:
    keys = []
    for _ in range(5):
        keys.append(await server.put(b"abc"))
        server.clock.now += 1_000
    server.clock.now += HOUR_MS
    found = await server.store.write(statements.orphans, server.clock.now, 2)
    assert [item.key for item in found] == keys[:2]
    assert await clean(server, batch=2) == 2
    assert sorted(name.rpartition(".")[0] for name in server.files()) == sorted(keys[2:])
    assert [await clean(server, batch=2) for _ in range(3)] == [2, 1, 0]


async def test_files_without_a_row_are_strays(server: ObjectServer) -> None:
    key = await server.put(b"abc")
    kept = server.files()[0]
    young, old = [f"{key}.{digit * 64}" for digit in "01"]
    for name, seconds in ((young, 2_000), (old, 1_000), (kept, 1_000)):
        server.storage.put(name, b"", seconds)
    for batch in (1, 500):
        limits = ObjectLimits(cleaning_batch=batch)
        server.storage.put(old, b"", 1_000)
        assert await remove_strays(server.store, server.objects, limits, stored_before=2_000_000) == 1
        assert server.files() == sorted([young, kept])
    assert await remove_strays(server.store, server.objects, ObjectLimits(), stored_before=2_000_001) == 1
    assert server.files() == [kept]
