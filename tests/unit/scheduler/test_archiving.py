"""Tasks of jobs that ended long ago go into the archive, and never before the archive has them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from skyferry.objects.cleaning import remove_stray_archives
from skyferry.objects.limits import ObjectLimits
from skyferry.ota import archives, deletion
from skyferry.ota.deletion import DeletionLimits
from skyferry.ota.states import TaskStatus
from skyferry.store import archives as statements
from skyferry.store import task_counts
from skyferry.store.engine import Store
from tests.support.archived import DAY, DEVICES, Scene
from tests.support.rows import World


@pytest.fixture
async def scene(store: Store, tmp_path: Path) -> Scene:
    made = Scene(store, tmp_path / "objects")
    await made.begin()
    return made


async def test_tasks_are_archived_with_their_history_when_their_time_has_come(scene: Scene) -> None:
    before = await scene.rows()
    assert before[0] == DEVICES
    scene.clock.now += 30 * DAY
    await scene.run()
    assert await scene.rows() == before, "not a moment too early"

    scene.clock.now += 1
    await scene.run()
    assert await scene.rows() == (0, 0)
    assert len(await scene.files()) == 3
    told = await scene.archived()
    assert [line["device_name"] for line in told] == [f"dev{number}" for number in range(DEVICES)]
    assert [line["status"] for line in told] == ["FAILED"] + ["SUCCEEDED"] * 4
    assert told[0]["description"] == "the update failed: no room"
    assert told[0]["job_id"] == scene.job.job_id
    assert told[0]["firmware_id"] == scene.firmware_id
    assert sum(len(line["history"]) for line in told) == before[1]
    assert told[0]["history"][-1]["status"] == "FAILED"
    assert told[0]["created_at"].endswith("Z")


async def test_a_job_keeps_its_counts_and_lists_what_is_left(scene: Scene) -> None:
    scene.clock.now += 31 * DAY
    await scene.archiving().archive_next()
    count = task_counts.count_by_status
    expected = {int(TaskStatus.SUCCEEDED): 4, int(TaskStatus.FAILED): 1}
    assert await scene.store.read(count, scene.job.id) == expected
    assert await scene.store.read(lambda tx: count(tx, scene.job.id, archived=False)) == {int(TaskStatus.SUCCEEDED): 3}
    assert await scene.store.read(task_counts.count_with_archived, scene.job.id) == (expected, 2)
    await scene.run()
    assert await scene.store.read(task_counts.count_with_archived, scene.job.id) == (expected, DEVICES)
    assert await scene.store.read(count, scene.job.id) == expected
    assert await scene.store.read(lambda tx: count(tx, scene.job.id, archived=False)) == {}


async def test_the_same_portion_has_the_same_file_after_a_crash(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.clock.now += 31 * DAY

    def crash(*_: object, **__: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archives, "move", crash)
        with pytest.raises(KeyboardInterrupt):
            await scene.archiving().archive_next()
    [file] = await scene.files()
    assert (await scene.rows())[0] == DEVICES
    await scene.run()
    assert file in await scene.files()
    assert len(await scene.files()) == 3
    assert len(await scene.archived()) == DEVICES


async def test_of_two_workers_with_the_same_portion_one_moves_it(scene: Scene) -> None:
    scene.clock.now += 31 * DAY
    ended_before = scene.clock.now - 30 * DAY
    job = await scene.store.read(statements.next_job, ended_before=ended_before, after=0)
    assert job is not None
    portion = await scene.store.read(archives.read, job, 2)
    assert portion is not None
    file = archives.written(portion)
    moved = [
        await scene.store.write(archives.move, portion, file, ended_before=ended_before, now=scene.clock.now)
        for _ in range(2)
    ]
    assert moved == [True, False]
    assert (await scene.rows())[0] == DEVICES - 2


async def test_a_task_that_runs_again_meanwhile_stays(scene: Scene) -> None:
    scene.clock.now += 31 * DAY
    ended_before = scene.clock.now - 30 * DAY
    job = await scene.store.read(statements.next_job, ended_before=ended_before, after=0)
    assert job is not None
    portion = await scene.store.read(archives.read, job, DEVICES)
    assert portion is not None

    def run_again(world: World) -> None:
        world.rerun(scene.job, world.task_ids(scene.job)[0])

    await scene.within(run_again)
    file = archives.written(portion)
    assert not await scene.store.write(archives.move, portion, file, ended_before=ended_before, now=scene.clock.now)
    await scene.run()
    assert (await scene.rows())[0] == DEVICES


async def test_nothing_leaves_the_database_that_the_object_store_did_not_take(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.clock.now += 31 * DAY

    async def full() -> None:
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(scene.objects, "create", full)
        with pytest.raises(OSError, match="no room"):
            await scene.run()
    assert (await scene.rows())[0] == DEVICES
    assert await scene.archived() == []


async def test_files_of_attempts_that_failed_are_removed_and_the_others_stay(scene: Scene) -> None:
    scene.clock.now += 31 * DAY
    await scene.run()
    files = await scene.files()
    writer = await scene.objects.create()
    stray = f"archive/{scene.job.job_id}/{1:019d}.{'0' * 64}.jsonl.gz"
    await writer.commit(stray)
    removed = await remove_stray_archives(scene.store, scene.objects, ObjectLimits(), stored_before=2**60)
    assert removed == 1
    assert await scene.files() == files


async def test_the_archive_of_a_job_goes_with_its_package(scene: Scene) -> None:
    scene.clock.now += 31 * DAY
    await scene.run()
    named: list[str] = []

    def delete(world: World) -> Sequence[str]:
        deletion.delete_package(world.tx, world.instance.id, scene.firmware_id, now=world.now)
        found: list[str] = []
        while (portion := deletion.remove_portion(world.tx, DeletionLimits())).more:
            found += portion.archives
        return found

    named += await scene.within(delete)
    assert sorted(named) == await scene.files()


async def test_it_works_in_the_background_and_ends_when_it_is_told_to(scene: Scene) -> None:
    scene.clock.now += 31 * DAY
    archiving = scene.archiving()
    archiving.start()
    async with asyncio.timeout(30):
        while (await scene.rows())[0]:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.01)
    await archiving.stop()
    assert len(await scene.archived()) == DEVICES
