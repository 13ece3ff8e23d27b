"""Statements on the jobs of a whole instance: pages by key, counts of tasks, versions that jobs began with."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from skyferry.store import rows
from skyferry.store.tables import jobs, package_is_kept, packages, products, task_counts, tasks


@dataclass(frozen=True, slots=True)
class ListedJob:
    """A job with what it sends and to which product."""

    id: int
    job_id: str
    type: str
    status: str
    selection: str
    target_selection: str
    firmware_id: str
    package_name: str
    dest_version: str
    module: str
    product_key: str
    product_name: str
    paused: bool
    pause_reason: str | None
    created_at: int
    started_at: int | None
    ended_at: int | None
    schedule_at: int | None


def page_of_instance(
    tx: Connection,
    instance_id: int,
    *,
    status: str | None,
    product_id: int | None,
    package_id: int | None,
    before: int | None,
    limit: int,
) -> Sequence[ListedJob]:
    """Jobs of an instance, newest first.

    Args:
        tx: the transaction.
        instance_id: the instance.
        status: only jobs in this state, unless None.
        product_id: only jobs of this product, unless None.
        package_id: only jobs of this package, unless None.
        before: only jobs with a smaller key, unless None.
        limit: how many at most.
    """
    statement = (
        select(
            jobs.c.id,
            jobs.c.job_id,
            jobs.c.type,
            jobs.c.status,
            jobs.c.selection,
            jobs.c.target_selection,
            packages.c.firmware_id,
            packages.c.name,
            packages.c.dest_version,
            packages.c.module,
            products.c.product_key,
            products.c.name,
            jobs.c.paused_at.is_not(None),
            jobs.c.pause_reason,
            jobs.c.created_at,
            jobs.c.started_at,
            jobs.c.ended_at,
            jobs.c.schedule_at,
        )
        .join(packages, jobs.c.package_id == packages.c.id)
        .join(products, jobs.c.product_id == products.c.id)
        .where(jobs.c.instance_id == instance_id, package_is_kept)
        .order_by(jobs.c.id.desc())
        .limit(limit)
    )
    if status is not None:
        statement = statement.where(jobs.c.status == status)
    if product_id is not None:
        statement = statement.where(jobs.c.product_id == product_id)
    if package_id is not None:
        statement = statement.where(jobs.c.package_id == package_id)
    if before is not None:
        statement = statement.where(jobs.c.id < before)
    return rows.all_of(ListedJob, tx.execute(statement))


def counts_of_jobs(tx: Connection, job_ids: Collection[int]) -> Mapping[int, Mapping[int, int]]:
    """How many tasks of each job are in each state."""
    found: dict[int, dict[int, int]] = {}
    job, status, number = task_counts.c.job_id, task_counts.c.status, func.sum(task_counts.c.tasks)
    statement = select(job, status, number).where(job.in_(job_ids)).group_by(job, status).having(number > 0)
    for job_id, state, count in tx.execute(statement):
        found.setdefault(job_id, {})[state] = int(count)
    return found


def source_versions(tx: Connection, job_id: int, *, first: int, limit: int) -> tuple[Sequence[tuple[str, int]], int]:
    """The versions that devices had when a job took them, the commonest first, and how many tasks were looked at.

    Args:
        tx: the transaction.
        job_id: the job.
        first: of how many of its tasks, the oldest first.
        limit: how many versions at most.
    """
    looked_at = select(tasks.c.src_version).where(tasks.c.job_id == job_id).order_by(tasks.c.id).limit(first).subquery()
    statement = select(looked_at.c.src_version, func.count()).group_by(looked_at.c.src_version)
    found = [(version, count) for version, count in tx.execute(statement)]
    found.sort(key=lambda item: (-item[1], item[0]))
    return found[:limit], sum(count for _, count in found)
