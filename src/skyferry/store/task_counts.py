"""Statements that count the tasks of a job."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, case, func, select

from skyferry.store import rows
from skyferry.store.tables import ARCHIVED_SLOT, OPEN_BELOW, task_counts, tasks
from skyferry.store.tasks import of_job


def count_by_status(tx: Connection, job_id: int, *, archived: bool = True) -> dict[int, int]:
    """How many tasks of a job are in each state; those that are archived count unless told otherwise."""
    number = func.sum(task_counts.c.tasks)
    statement = select(task_counts.c.status, number).where(task_counts.c.job_id == job_id)
    if not archived:
        statement = statement.where(task_counts.c.slot != ARCHIVED_SLOT)
    statement = statement.group_by(task_counts.c.status).having(number > 0)
    return {status: int(count) for status, count in tx.execute(statement)}


def count_with_archived(tx: Connection, job_id: int) -> tuple[dict[int, int], int]:
    """How many tasks of a job are in each state, and how many of all of them were archived."""
    number = func.sum(task_counts.c.tasks)
    archived = func.sum(case((task_counts.c.slot == ARCHIVED_SLOT, task_counts.c.tasks), else_=0))
    statement = select(task_counts.c.status, number, archived).where(task_counts.c.job_id == job_id)
    found = tx.execute(statement.group_by(task_counts.c.status).having(number > 0)).all()
    return {status: int(count) for status, count, _ in found}, sum(int(count) for _, _, count in found)


def count_failed(tx: Connection, job_id: int, *, status: int, except_description: str) -> int:
    """How many tasks of a job are in the state of failure, those that say this not counted."""
    statement = select(func.count()).where(
        tasks.c.job_id == job_id, tasks.c.status == status, tasks.c.description != except_description
    )
    return tx.execute(statement).scalar_one()


def ended_of(counts: Mapping[int, int]) -> int:
    """How many of counted tasks have ended."""
    return sum(number for status, number in counts.items() if status >= OPEN_BELOW)


def counts_by_device(tx: Connection, job_id: int, device_ids: Collection[int]) -> dict[int, int]:
    """How many tasks of a job each of the devices has; devices without one are absent."""
    found: dict[int, int] = {}
    for chunk in rows.chunks(device_ids):
        statement = (
            select(tasks.c.device_id, func.count())
            .where(tasks.c.device_id.in_(chunk), of_job(job_id))
            .group_by(tasks.c.device_id)
        )
        found.update((device_id, number) for device_id, number in tx.execute(statement))
    return found
