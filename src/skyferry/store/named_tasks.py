"""Statements on tasks that a call names, and on the tasks of one device."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, case, func, literal, null, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.tables import devices, jobs, package_is_kept, packages, products, task_is_open, tasks


@dataclass(frozen=True, slots=True)
class NamedTask:
    """A task with what deciding on a call takes. `job_id` and `job_status` are those of the API."""

    id: int
    job_key: int
    device_id: int
    module: str
    src_version: str
    status: int
    progress: int
    description: str
    created_at: int
    modified_at: int
    job_id: str
    job_status: str
    need_push: bool
    schedule_at: int | None
    finish_at: int | None
    ending_states: list[int] | None
    dest_version: str
    package_type: int
    device_name: str


def by_ids(tx: Connection, instance_id: int, keys: Collection[int], *, for_change: bool) -> dict[int, NamedTask]:
    """Tasks of an instance by their keys; unknown keys and tasks of deleted packages are absent.

    Args:
        tx: the transaction.
        instance_id: whose tasks.
        keys: which ones.
        for_change: locks them against other writers.
    """
    statement = (
        select(
            tasks.c.id,
            tasks.c.job_id,
            tasks.c.device_id,
            tasks.c.module,
            tasks.c.src_version,
            tasks.c.status,
            tasks.c.progress,
            tasks.c.description,
            tasks.c.created_at,
            tasks.c.modified_at,
            jobs.c.job_id,
            jobs.c.status,
            jobs.c.need_push,
            jobs.c.schedule_at,
            jobs.c.finish_at,
            jobs.c.ending_states,
            packages.c.dest_version,
            packages.c.type,
            devices.c.name,
        )
        .select_from(tasks)
        .join(jobs, tasks.c.job_id == jobs.c.id)
        .join(packages, tasks.c.package_id == packages.c.id)
        .join(devices, tasks.c.device_id == devices.c.id)
        .where(tasks.c.id.in_(keys), jobs.c.instance_id == instance_id, package_is_kept)
    )
    if for_change:
        statement = statement.with_for_update(of=tasks)
    return {task.id: task for task in rows.all_of(NamedTask, tx.execute(statement))}


def begin_again(
    tx: Connection,
    versions: Mapping[int, str],
    *,
    due: Collection[int],
    sources: Collection[int],
    target: int,
    now: int,
) -> int:
    """Makes tasks as they were at their creation, and tells how many.

    Args:
        tx: the transaction.
        versions: the tasks' keys, and from which versions they start now.
        due: which of them are to be pushed now.
        sources: the states that they may be in,
        target: and the one that they get.
        now: the time.

    Raises:
        sqlalchemy.exc.IntegrityError: a device has another open task of the module.
    """
    values = {
        "status": target,
        "src_version": case(dict(versions), value=tasks.c.id),
        "progress": 0,
        "description": "",
        "dispatch_at": case((tasks.c.id.in_(due), literal(now, BigInteger)), else_=null()),
        "notified_at": None,
        "deadline_at": None,
        "retry_at": None,
        "tries": 0,
        "pushes": 0,
        "modified_at": now,
    }
    statement = update(tasks).where(tasks.c.id.in_(versions), tasks.c.status.in_(sources))
    return tx.execute(statement.values(**values)).rowcount


@dataclass(frozen=True, slots=True)
class UnfinishedTask:
    """An open task of a device, as a list tells it."""

    id: int
    module: str
    src_version: str
    status: int
    created_at: int
    modified_at: int
    job_id: str
    firmware_id: str
    dest_version: str
    product_key: str
    product_name: str


def unfinished_of_device(
    tx: Connection, device_id: int, *, statuses: Collection[int], module: str | None
) -> Sequence[UnfinishedTask]:
    """The open tasks of a device in these states, oldest first; None means every module, letter case means nothing."""
    statement = _of_device(device_id).where(task_is_open, tasks.c.status.in_(statuses)).order_by(tasks.c.id)
    if module is not None:
        statement = statement.where(func.lower(tasks.c.module) == module.lower())
    return rows.all_of(UnfinishedTask, tx.execute(statement))


def _of_device(device_id: int, *more: ColumnElement[Any]) -> Select[Any]:
    """The tasks of a device as `UnfinishedTask` has them, with more columns behind."""
    return (
        select(
            tasks.c.id,
            tasks.c.module,
            tasks.c.src_version,
            tasks.c.status,
            tasks.c.created_at,
            tasks.c.modified_at,
            jobs.c.job_id,
            packages.c.firmware_id,
            packages.c.dest_version,
            products.c.product_key,
            products.c.name,
            *more,
        )
        .select_from(tasks)
        .join(jobs, tasks.c.job_id == jobs.c.id)
        .join(packages, tasks.c.package_id == packages.c.id)
        .join(products, packages.c.product_id == products.c.id)
        .where(tasks.c.device_id == device_id, package_is_kept)
    )


@dataclass(frozen=True, slots=True)
class DeviceTask(UnfinishedTask):
    """A task of a device, open or not, with how far it came."""

    progress: int
    description: str


def count_of_device(tx: Connection, device_id: int) -> int:
    """How many tasks a device has or had; those of deleted packages do not count."""
    statement = (
        select(func.count())
        .select_from(tasks)
        .join(packages, tasks.c.package_id == packages.c.id)
        .where(tasks.c.device_id == device_id, package_is_kept)
    )
    return tx.execute(statement).scalar_one()


def page_of_device(tx: Connection, device_id: int, *, offset: int, limit: int) -> Sequence[DeviceTask]:
    """The tasks of a device, newest first."""
    statement = (
        _of_device(device_id, tasks.c.progress, tasks.c.description)
        .order_by(tasks.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return rows.all_of(DeviceTask, tx.execute(statement))
