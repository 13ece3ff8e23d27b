"""Statements that end tasks whatever their devices are doing: those of named devices, and those of a whole job."""

from collections.abc import Collection, Sequence
from functools import cache

from sqlalchemy import Connection, Update, bindparam, select, update

from skyferry.store import rows
from skyferry.store.tables import task_is_open, tasks
from skyferry.store.tasks import CHANGED, ChangedTask, of_job


@cache
def _cancelling(*, in_package: bool, in_job: bool) -> Update:
    """Put together once, for building it costs more than running it for a few devices."""
    statement = (
        update(tasks)
        .where(
            tasks.c.device_id.in_(bindparam("device_ids", expanding=True)),
            task_is_open,
            tasks.c.status.in_(bindparam("sources", expanding=True)),
        )
        .values(
            status=bindparam("target"),
            description=bindparam("reason"),
            dispatch_at=None,
            retry_at=None,
            modified_at=bindparam("now"),
        )
        .returning(*CHANGED)
    )
    if in_package:
        statement = statement.where(tasks.c.package_id == bindparam("package"))
    if in_job:
        statement = statement.where(of_job(bindparam("job", type_=tasks.c.job_id.type)))
    return statement


def cancel_of_devices(
    tx: Connection,
    device_ids: Collection[int],
    *,
    package_id: int | None,
    job_id: int | None,
    sources: Collection[int],
    target: int,
    description: str,
    now: int,
) -> Sequence[ChangedTask]:
    """Cancels the tasks that devices have, for a package or for any, if they are in one of the source states."""
    given = {"sources": list(sources), "target": target, "reason": description, "now": now}
    only = {name: key for name, key in (("package", package_id), ("job", job_id)) if key is not None}
    statement = _cancelling(in_package=package_id is not None, in_job=job_id is not None)
    return rows.all_of(ChangedTask, tx.execute(statement, {**given, **only, "device_ids": list(device_ids)}))


def statuses_of_devices(
    tx: Connection, device_ids: Collection[int], *, package_id: int, job_id: int | None
) -> set[int]:
    """The states of the tasks that devices have for a package."""
    statement = (
        select(tasks.c.status).where(tasks.c.device_id.in_(device_ids), tasks.c.package_id == package_id).distinct()
    )
    if job_id is not None:
        statement = statement.where(of_job(job_id))
    return set(tx.execute(statement).scalars())


def end_of_job(
    tx: Connection, job_id: int, *, sources: Collection[int], target: int, description: str, now: int, limit: int
) -> Sequence[ChangedTask]:
    """Ends up to `limit` tasks of a job that are in one of the source states."""
    found = (
        select(tasks.c.id)
        .where(tasks.c.job_id == job_id, tasks.c.status.in_(sources))
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("found")  # in its own right: PostgreSQL runs a subquery again for each row when it finds that cheaper
    )
    statement = (
        update(tasks)
        .where(tasks.c.id.in_(select(found.c.id)), tasks.c.status.in_(sources))
        .values(status=target, description=description, dispatch_at=None, retry_at=None, modified_at=now)
        .returning(*CHANGED)
    )
    return rows.all_of(ChangedTask, tx.execute(statement))


def any_of_job(tx: Connection, job_id: int, statuses: Collection[int]) -> bool:
    """True when a job has a task in one of the states."""
    statement = select(tasks.c.id).where(tasks.c.job_id == job_id, tasks.c.status.in_(statuses)).limit(1)
    return tx.execute(statement).first() is not None
