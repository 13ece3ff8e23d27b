"""Statements that change what a job was told. Each names the status that it starts from."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, func, or_, update

from skyferry.store.tables import job_is_matching, job_is_planned, job_is_running, jobs


def cancel_planned(tx: Connection, key: int, *, status: str, now: int) -> bool:
    """Ends a planned job; False when it has begun by now."""
    statement = update(jobs).where(jobs.c.id == key, job_is_planned)
    return tx.execute(statement.values(status=status, ended_at=now, modified_at=now)).rowcount == 1


def cancel_policy(tx: Connection, key: int, *, status: str, now: int) -> bool:
    """Lets a dynamic job match no more devices; False when it matched none any more.

    It ends for good when its last task does.
    """
    statement = update(jobs).where(jobs.c.id == key, job_is_matching)
    values = {"status": status, "select_up_to": jobs.c.selected_up_to, "modified_at": now}
    return tx.execute(statement.values(**values)).rowcount == 1


def change(tx: Connection, key: int, values: Mapping[str, Any]) -> bool:
    """Changes values of a planned or running job; False when it is neither."""
    statement = update(jobs).where(jobs.c.id == key, or_(job_is_running, job_is_planned))
    return tx.execute(statement.values(**values)).rowcount == 1


def revive(tx: Connection, key: int, *, status: str, now: int) -> bool:
    """Lets a job that has ended go on in a status; False when it has not ended. One that never began begins."""
    statement = update(jobs).where(jobs.c.id == key, jobs.c.ended_at.is_not(None))
    values = {
        "status": status,
        "started_at": func.coalesce(jobs.c.started_at, now),
        "ended_at": None,
        "modified_at": now,
    }
    return tx.execute(statement.values(**values)).rowcount == 1
