"""Counting what was downloaded: in memory first, and added to the rows now and then."""

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from skyferry.bus.messages import Downloaded
from skyferry.scheduler.downloads import DownloadCounts
from skyferry.store import downloads
from skyferry.store.downloads import DownloadRecord
from skyferry.store.engine import Store
from tests.support.rows import START, World

GONE = 999


def make_tasks(tx: Connection) -> list[int]:
    world = World(tx)
    names = ["dev1", "dev2"]
    for name in names:
        world.make_device(name)
    return [task.id for task in world.tasks(world.make_job(world.make_package(), names))]


async def test_counts_of_a_task_are_added_up(store: Store) -> None:
    one, other = await store.write(make_tasks)
    counts = DownloadCounts(store)
    counts.add(Downloaded(one, 100, 1, 0, START))
    counts.add(Downloaded(one, 50, 1, 1, START + 2))
    counts.add(Downloaded(other, 7, 3, 0, START))
    counts.add(Downloaded(GONE, 7, 1, 0, START))
    await counts.write()
    counts.add(Downloaded(one, 1, 1, 0, START + 5))
    await counts.write()
    assert await store.read(downloads.of_task, one) == DownloadRecord(one, 151, 3, 1, START + 5)
    assert await store.read(downloads.of_task, other) == DownloadRecord(other, 7, 3, 0, START)
    assert await store.read(downloads.of_task, GONE) is None


async def test_many_requests_are_one_record_and_none_is_written_when_there_were_none(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    [one, _] = await store.write(make_tasks)
    written: list[int] = []
    original = downloads.add

    def noting(tx: Connection, counted: Sequence[DownloadRecord]) -> None:
        written.append(len(counted))
        original(tx, counted)

    monkeypatch.setattr(downloads, "add", noting)
    counts = DownloadCounts(store)
    for _ in range(1_000):
        counts.add(Downloaded(one, 10, 1, 0, START))
    await counts.write()
    await counts.write()
    assert written == [1]
    assert await store.read(downloads.of_task, one) == DownloadRecord(one, 10_000, 1_000, 0, START)


async def test_counts_wait_while_the_database_is_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    [one, _] = await store.write(make_tasks)
    counts = DownloadCounts(store)
    counts.add(Downloaded(one, 10, 1, 0, START))
    original = downloads.add

    def away(*_: object) -> None:
        raise OperationalError("statement", {}, Exception("away"))

    monkeypatch.setattr(downloads, "add", away)
    with pytest.raises(OperationalError):
        await counts.write()
    counts.add(Downloaded(one, 5, 1, 1, START))
    monkeypatch.setattr(downloads, "add", original)
    await counts.write()
    assert await store.read(downloads.of_task, one) == DownloadRecord(one, 15, 2, 1, START)
