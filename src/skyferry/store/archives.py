"""Statements on archived tasks: what is next, what it is made of, and taking it out of the database.

Archived tasks stay in the counts of their job: they are counted in a slot of their own (`ARCHIVED_SLOT`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, select

from skyferry.store import rows
from skyferry.store.dialect import upserting
from skyferry.store.history import HistoryRecord
from skyferry.store.tables import (
    ARCHIVED_SLOT,
    devices,
    jobs,
    package_is_kept,
    packages,
    products,
    task_archives,
    task_counts,
    task_downloads,
    task_history,
    task_is_open,
    tasks,
)


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that has ended, with what its tasks have in common."""

    id: int
    job_id: str
    firmware_id: str
    dest_version: str
    product_key: str


@dataclass(frozen=True, slots=True)
class EndedTask:
    """A task that has ended."""

    id: int
    device_name: str
    iot_id: str
    module: str
    src_version: str
    status: int
    progress: int
    description: str
    created_at: int
    modified_at: int
    downloaded_bytes: int | None
    download_requests: int | None
    download_failures: int | None


@dataclass(frozen=True, slots=True)
class ArchiveRecord:
    """A row of `task_archives`."""

    job_id: int
    first_task: int
    name: str
    tasks: int
    bytes: int
    archived_at: int


def _ended_jobs() -> Select[Any]:
    columns = (jobs.c.id, jobs.c.job_id, packages.c.firmware_id, packages.c.dest_version, products.c.product_key)
    return (
        select(*columns)
        .select_from(jobs)
        .join(packages, jobs.c.package_id == packages.c.id)
        .join(products, jobs.c.product_id == products.c.id)
        .where(package_is_kept, jobs.c.ended_at.is_not(None))
    )


def next_job(tx: Connection, *, ended_before: int, after: int) -> EndedJob | None:
    """The next job by key that ended so long ago and has tasks that ended; what is deleted is left to its removal."""
    has_tasks = exists().where(tasks.c.job_id == jobs.c.id, ~task_is_open).correlate(jobs)
    statement = _ended_jobs().where(jobs.c.ended_at < ended_before, jobs.c.id > after, has_tasks)
    return rows.one_of(EndedJob, tx.execute(statement.order_by(jobs.c.id).limit(1)))


def has_ended(tx: Connection, job_key: int, *, ended_before: int) -> bool:
    """Whether a job is still there, and ended so long ago."""
    statement = _ended_jobs().where(jobs.c.id == job_key, jobs.c.ended_at < ended_before)
    return tx.execute(statement).first() is not None


def portion(tx: Connection, job_key: int, limit: int) -> Sequence[EndedTask]:
    """The oldest tasks of a job that have ended."""
    chosen = select(tasks.c.id).where(tasks.c.job_id == job_key, ~task_is_open).order_by(tasks.c.id).limit(limit)
    statement = (
        select(
            tasks.c.id,
            devices.c.name,
            devices.c.iot_id,
            tasks.c.module,
            tasks.c.src_version,
            tasks.c.status,
            tasks.c.progress,
            tasks.c.description,
            tasks.c.created_at,
            tasks.c.modified_at,
            task_downloads.c.bytes,
            task_downloads.c.requests,
            task_downloads.c.failures,
        )
        .join(devices, tasks.c.device_id == devices.c.id)
        .outerjoin(task_downloads, task_downloads.c.task_id == tasks.c.id)
        .where(tasks.c.id.in_(chosen.subquery().select()))
        .order_by(tasks.c.id)
    )
    return rows.all_of(EndedTask, tx.execute(statement))


def histories(tx: Connection, task_ids: Sequence[int]) -> Mapping[int, Sequence[HistoryRecord]]:
    """What happened to each of these tasks, oldest first."""
    found: dict[int, list[HistoryRecord]] = {}
    for chunk in rows.chunks(task_ids):
        statement = select(task_history.c.task_id, *rows.columns(HistoryRecord, task_history))
        statement = statement.where(task_history.c.task_id.in_(chunk)).order_by(task_history.c.id)
        for task_id, *values in tx.execute(statement):
            found.setdefault(task_id, []).append(HistoryRecord(*values))
    return found


def take_out(tx: Connection, job_key: int, task_ids: Collection[int]) -> int:
    """Removes tasks that have ended, with their history, and keeps them in the counts; tells how many."""
    numbers: dict[int, int] = {}
    for chunk in rows.chunks(task_ids):
        gone = delete(tasks).where(tasks.c.job_id == job_key, tasks.c.id.in_(chunk), ~task_is_open)
        for status in tx.execute(gone.returning(tasks.c.status)).scalars():
            numbers[status] = numbers.get(status, 0) + 1
    if numbers:
        insert = upserting(tx, task_counts)
        added = {"tasks": task_counts.c.tasks + insert.excluded.tasks}
        values = [
            {"job_id": job_key, "status": status, "slot": ARCHIVED_SLOT, "tasks": number}
            for status, number in sorted(numbers.items())
        ]
        tx.execute(insert.on_conflict_do_update(index_elements=list(task_counts.primary_key), set_=added), values)
    return sum(numbers.values())


def note(tx: Connection, record: ArchiveRecord) -> None:
    """Says in which file tasks are from now on."""
    tx.execute(task_archives.insert().values({name: getattr(record, name) for name in record.__dataclass_fields__}))


def of_job(tx: Connection, job_key: int) -> Sequence[ArchiveRecord]:
    """The files with tasks of a job, in the order of the tasks."""
    statement = select(*rows.columns(ArchiveRecord, task_archives)).where(task_archives.c.job_id == job_key)
    return rows.all_of(ArchiveRecord, tx.execute(statement.order_by(task_archives.c.first_task)))


def of_job_named(tx: Connection, job_id: str) -> Sequence[ArchiveRecord]:
    """The same, by the JobId; nothing as well when there is no such job."""
    job_key = tx.execute(select(jobs.c.id).where(jobs.c.job_id == job_id)).scalar()
    return [] if job_key is None else of_job(tx, job_key)


def known(tx: Connection, names: Collection[str]) -> frozenset[str]:
    """Those of the names that stand for files with archived tasks."""
    found: set[str] = set()
    for chunk in rows.chunks(names):
        found.update(tx.execute(select(task_archives.c.name).where(task_archives.c.name.in_(chunk))).scalars())
    return frozenset(found)
