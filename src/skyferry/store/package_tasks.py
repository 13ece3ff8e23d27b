"""Statements on the tasks of a package in all its jobs. They go from job to job on the indexes that jobs have."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection, select

from skyferry.store import rows
from skyferry.store.packages import PackageRecord
from skyferry.store.tables import devices, jobs, tasks
from skyferry.store.tasks import TaskRecord, select_tasks


def of_package(
    tx: Connection, package_id: int, *, status: int | None, after: int | None, limit: int
) -> Sequence[TaskRecord]:
    """Tasks of a package: those of its newest job first, of a job in the order of creation.

    Args:
        tx: the transaction.
        package_id: the package.
        status: only tasks in this state, unless None.
        after: only tasks that come after the one with this key, unless None.
        limit: how many at most.
    """
    found: list[TaskRecord] = []
    reached = None if after is None else tx.execute(select(tasks.c.job_id).where(tasks.c.id == after)).scalar()
    job_keys = select(jobs.c.id).where(jobs.c.package_id == package_id).order_by(jobs.c.id.desc())
    if reached is not None:
        job_keys = job_keys.where(jobs.c.id <= reached)
    for job_id in tx.execute(job_keys).scalars().all():
        keys = select(tasks.c.id).where(tasks.c.job_id == job_id)
        if status is not None:
            keys = keys.where(tasks.c.status == status)
        if job_id == reached:
            keys = keys.where(tasks.c.id > after)
        # The page is cut on the index alone; rows and devices are read for the page only.
        keys = keys.order_by(tasks.c.id).limit(limit - len(found))
        statement = select_tasks().where(tasks.c.id.in_(keys.subquery().select())).order_by(tasks.c.id)
        found += rows.all_of(TaskRecord, tx.execute(statement))
        if len(found) >= limit:
            break
    return found


def of_device(
    tx: Connection, package: PackageRecord, name: str, *, status: int | None, after: int | None, limit: int
) -> Sequence[TaskRecord]:
    """Tasks of a package for a device of its product, the newest first."""
    statement = select_tasks().where(
        devices.c.product_id == package.product_id, devices.c.name == name, tasks.c.package_id == package.id
    )
    if status is not None:
        statement = statement.where(tasks.c.status == status)
    if after is not None:
        statement = statement.where(tasks.c.id < after)
    return rows.all_of(TaskRecord, tx.execute(statement.order_by(tasks.c.id.desc()).limit(limit)))


def names_of_jobs(tx: Connection, keys: Collection[int]) -> Mapping[int, str]:
    """The JobIds of jobs by their keys."""
    return dict(tx.execute(select(jobs.c.id, jobs.c.job_id).where(jobs.c.id.in_(keys))).all())
