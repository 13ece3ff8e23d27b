"""Statements on the history of tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select

from skyferry.store import rows
from skyferry.store.dialect import insert_many
from skyferry.store.tables import task_history


@dataclass(frozen=True, slots=True)
class HistoryRecord:
    """One thing that happened to a task: the state is the one that the task has since."""

    at: int
    status: int
    event: str
    description: str


_COLUMNS = rows.columns(HistoryRecord, task_history)


def insert(tx: Connection, entries: Sequence[Mapping[str, Any]]) -> None:
    """Adds entries, oldest first."""
    if entries:
        insert_many(tx, task_history, entries)


def forget(tx: Connection, before: int, limit: int) -> int:
    """Removes up to `limit` of the oldest entries, as far as they are older than `before`; tells how many."""
    oldest = select(task_history.c.id).order_by(task_history.c.id).limit(limit)
    statement = delete(task_history).where(task_history.c.id.in_(oldest), task_history.c.at < before)
    return tx.execute(statement).rowcount


def of_task(tx: Connection, task_id: int, *, offset: int = 0, limit: int | None = None) -> Sequence[HistoryRecord]:
    """What happened to a task, oldest first."""
    statement = (
        select(*_COLUMNS)
        .where(task_history.c.task_id == task_id)
        .order_by(task_history.c.id)
        .offset(offset)
        .limit(limit)
    )
    return rows.all_of(HistoryRecord, tx.execute(statement))


def count_of_task(tx: Connection, task_id: int) -> int:
    """How many things happened to a task."""
    statement = select(func.count()).select_from(task_history).where(task_history.c.task_id == task_id)
    return tx.execute(statement).scalar_one()
