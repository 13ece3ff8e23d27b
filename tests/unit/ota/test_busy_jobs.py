"""Calls on jobs and tasks whose rows others change all the time, on PostgreSQL: they wait, and need not be repeated.

The others are workers, which send notices and apply reports while a call is under way.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Connection, func, select, text

from skyferry.bus.messages import ProgressReported, Report, VersionReported
from skyferry.errors import ApiError
from skyferry.keys import SecretBox
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import cancel, cancel_job, confirm, deletion, endings, jobs, reports, rerun, rollout, updates
from skyferry.ota.cancel import CancelScope
from skyferry.ota.cancel_job import CancelFlags
from skyferry.ota.controls import Controls
from skyferry.ota.models import EngineLimits
from skyferry.ota.offers import OfferMaker
from skyferry.ota.states import JobStatus, TaskStatus
from skyferry.ota.updates import JobUpdate
from skyferry.store import job_lifecycle, migrate, packages, products, tables
from skyferry.store import jobs as job_statements
from skyferry.store.dialect import see_commits
from skyferry.store.engine import Store
from skyferry.store.jobs import JobRecord
from skyferry.trust.signatures import DigestSigner
from tests.support.postgresql import PostgresqlServer
from tests.support.rows import START, World

_RIVALS: Final = 2

Call = Callable[[Connection, JobRecord, list[str]], None]
"""A call on a job or some of its tasks."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with PostgresqlServer() as started:
        started.run("CREATE DATABASE migrated")
        asyncio.run(migrate_once(started.url("migrated")))
        yield started


async def migrate_once(url: str) -> None:
    store = Store(url)
    await migrate.upgrade(store)
    await store.close()


@pytest.fixture
async def store(server: PostgresqlServer) -> AsyncIterator[Store]:
    server.run("CREATE DATABASE busy TEMPLATE migrated")
    opened = Store(server.url("busy"))
    yield opened
    await opened.close()
    server.run("DROP DATABASE busy")


def make_static(tx: Connection) -> tuple[JobRecord, list[str]]:
    """A job with the TaskIds of its tasks."""
    world = World(tx)
    world.make_device("dev0")
    job = world.make_static(world.make_package(), options=world.options(need_confirm=True))
    return job, world.task_ids(job)


def make_two(tx: Connection) -> tuple[JobRecord, list[str]]:
    """A job that goes on when the task of dev0 has ended, with the TaskIds of its tasks."""
    world = World(tx)
    for name in ("dev0", "dev1"):
        world.make_device(name)
    job = world.make_static(world.make_package())
    return job, world.task_ids(job)


def make_dynamic(tx: Connection) -> tuple[JobRecord, list[str]]:
    """A dynamic job."""
    world = World(tx)
    return world.make_dynamic(world.make_package()), []


def cancel_tasks(tx: Connection, job: JobRecord, _tasks: list[str]) -> None:
    flags = CancelFlags(queued=True)
    cancel_job.cancel_tasks(
        tx, instance_id=job.instance_id, job_id=job.job_id, flags=flags, limits=EngineLimits(), now=START
    )


def cancel_by_device(tx: Connection, job: JobRecord, _tasks: list[str]) -> None:
    see_commits(tx)  # as the call does itself, which is not the first here
    cancel.cancel_by_device(
        tx,
        instance_id=job.instance_id,
        product_key=products.by_id(tx, job.product_id).product_key,
        firmware_id=packages.by_ids(tx, [job.package_id])[job.package_id].firmware_id,
        device_names=["dev0"],
        job_id=job.job_id,
        scope=CancelScope.PENDING,
        now=START,
    )


def cancel_policy(tx: Connection, job: JobRecord, _tasks: list[str]) -> None:
    cancel_job.cancel_policy(tx, instance_id=job.instance_id, job_id=job.job_id, now=START)


def update(tx: Connection, job: JobRecord, _tasks: list[str]) -> None:
    told = JobUpdate(upgrade_type=job.selection, target_selection=job.target_selection, maximum_per_minute=100)
    updates.update(tx, told, instance_id=job.instance_id, job_id=job.job_id, now=START)


def pause(tx: Connection, job: JobRecord, _tasks: list[str]) -> None:
    rollout.pause(tx, jobs.find(tx, job.instance_id, job.job_id, for_change=True), "", START)


def resume(tx: Connection, job: JobRecord, _tasks: list[str]) -> None:
    rollout.resume(tx, jobs.find(tx, job.instance_id, job.job_id, for_change=True), START)


def change_controls(tx: Connection, job: JobRecord, _tasks: list[str]) -> None:
    found = jobs.find(tx, job.instance_id, job.job_id, for_change=True)
    rollout.change(tx, found, Controls(halt_failure_count=1), START)


def confirm_tasks(tx: Connection, job: JobRecord, tasks: list[str]) -> None:
    confirm.confirm(tx, instance_id=job.instance_id, task_ids=tasks, now=START)


def rerun_tasks(tx: Connection, job: JobRecord, tasks: list[str]) -> None:
    rerun.rerun(tx, instance_id=job.instance_id, job_id=job.job_id, task_ids=tasks, now=START)


@pytest.mark.parametrize(
    ("make", "before", "call"),
    [
        (make_two, [], cancel_by_device),
        (make_static, [], cancel_tasks),
        (make_dynamic, [], cancel_policy),
        (make_static, [], update),
        (make_static, [], pause),
        (make_static, [pause], resume),
        (make_static, [], change_controls),
        (make_static, [], confirm_tasks),
        (make_static, [cancel_by_device], rerun_tasks),
    ],
    ids=lambda given: given.__name__ if callable(given) else "_".join(call.__name__ for call in given),
)
async def test_a_call_waits_for_the_workers_and_is_carried_out_once(
    server: PostgresqlServer,
    store: Store,
    make: Callable[[Connection], tuple[JobRecord, list[str]]],
    before: Sequence[Call],
    call: Call,
) -> None:
    job, tasks = await store.write(make)
    for earlier in before:
        await store.write(earlier, job, tasks)
    repeated_before = repeated()
    async with rivals(server):
        await store.write(call, job, tasks)
    assert repeated() == repeated_before


@asynccontextmanager
async def rivals(server: PostgresqlServer) -> AsyncIterator[None]:
    """Workers that change the rows of all jobs and tasks, one right after the other."""
    busy, over = [Store(server.url("busy")) for _ in range(_RIVALS)], asyncio.Event()

    async def change(rival: Store, begun: asyncio.Event) -> None:
        while not over.is_set():
            await rival.write(change_slowly)
            begun.set()

    begun = [asyncio.Event() for _ in busy]
    async with asyncio.TaskGroup() as group:
        for rival, event in zip(busy, begun, strict=True):
            group.create_task(change(rival, event))
        for event in begun:
            await event.wait()
        try:
            yield
        finally:
            over.set()
    for rival in busy:
        await rival.close()


def change_slowly(tx: Connection) -> None:
    """Changes what all workers change, job first, and holds it for a while."""
    see_commits(tx)
    tx.execute(text("UPDATE jobs SET next_push_at = next_push_at + 1"))
    tx.execute(text("UPDATE tasks SET progress = 1 - progress"))
    tx.execute(text("SELECT pg_sleep(0.02)"))


def repeated() -> float:
    """How many transactions were done again so far."""
    name = "skyferry_store_repeated_total"
    return sum(item.value for metric in REGISTRY.collect() for item in metric.samples if item.name == name)


@pytest.mark.parametrize("what", ["package", "product"])
@pytest.mark.parametrize("is_deleted", [True, False], ids=["deleted", "run_again"])
async def test_no_task_runs_again_whose_package_is_being_deleted(
    server: PostgresqlServer, store: Store, what: str, is_deleted: bool
) -> None:
    job, tasks = await store.write(make_static)
    await store.write(cancel_by_device, job, tasks)
    package = (await store.read(packages.by_ids, [job.package_id]))[job.package_id]
    product = await store.read(products.by_id, job.product_id)

    def delete(tx: Connection) -> None:
        if what == "package":
            deletion.delete_package(tx, job.instance_id, package.firmware_id, now=START)
        else:
            deletion.delete_product(tx, job.instance_id, product.product_key, now=START)

    def run_again(tx: Connection) -> None:
        rerun_tasks(tx, job, tasks)

    first, second = (delete, run_again) if is_deleted else (run_again, delete)
    begun = asyncio.Event()

    def slowly(tx: Connection) -> None:
        first(tx)
        begun.set()
        tx.execute(text("SELECT pg_sleep(0.2)"))

    beginning = asyncio.create_task(store.write(slowly))
    await begun.wait()
    with pytest.raises(ApiError):
        await store.write(second)
    await beginning


async def test_a_job_ends_whose_last_tasks_end_at_once(store: Store) -> None:
    """Each of the two workers sees the other's task open; who looks afterwards ends the job."""
    job, devices = await store.write(make_pair)
    begun = asyncio.Event()
    failed = select(func.count()).where(tables.tasks.c.status == TaskStatus.FAILED)

    def succeed_slowly(tx: Connection) -> None:
        see_commits(tx)
        report(tx, VersionReported(devices[0], "default", "2.0.0", START))
        begun.set()
        while not tx.execute(failed).scalar_one():
            tx.execute(text("SELECT pg_sleep(0.02)"))

    def fail(tx: Connection) -> None:
        see_commits(tx)
        report(tx, ProgressReported(devices[1], None, -1, "", START))

    succeeding = asyncio.create_task(store.write(succeed_slowly))
    await begun.wait()
    await store.write(fail)
    await succeeding
    left_over = await store.read(job_lifecycle.left_over)
    assert left_over == [job.id]
    await store.write(endings.end_finished_jobs, left_over, START)
    found = await store.read(job_statements.by_id, job.id)
    assert found is not None
    assert found.status == JobStatus.COMPLETED
    assert await store.read(job_lifecycle.left_over) == []


def make_pair(tx: Connection) -> tuple[JobRecord, list[int]]:
    """A job with the keys of its two devices."""
    world = World(tx)
    devices = [world.make_device(name).id for name in ("dev0", "dev1")]
    return world.make_job(world.make_package()), devices


def report(tx: Connection, item: Report) -> None:
    """What a worker does with a report."""
    maker = OfferMaker(DownloadUrls("http://ota.test", bytes(32)), DigestSigner(SecretBox(bytes(32))))
    reports.apply(tx, [item], limits=EngineLimits(), maker=maker, now=START)
