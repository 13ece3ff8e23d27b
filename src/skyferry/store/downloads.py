"""Statements on what was downloaded for each task."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache

from sqlalchemy import Connection, select

from skyferry.store import rows
from skyferry.store.dialect import Upsert, see_commits, upserting_in
from skyferry.store.tables import task_downloads, tasks


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """A row of `task_downloads`."""

    task_id: int
    bytes: int
    requests: int
    failures: int
    modified_at: int


_COLUMNS = rows.columns(DownloadRecord, task_downloads)
_COUNTS = ("bytes", "requests", "failures")


@cache
def _adding(dialect: str) -> Upsert:
    insert = upserting_in(dialect, task_downloads)
    added = {name: task_downloads.c[name] + insert.excluded[name] for name in _COUNTS}
    changed = {**added, "modified_at": insert.excluded.modified_at}
    return insert.on_conflict_do_update(index_elements=[task_downloads.c.task_id], set_=changed)


def add(tx: Connection, counted: Sequence[DownloadRecord]) -> None:
    """Adds to what was downloaded; of each task one record at most. A task that is gone has nothing to be added to.

    The first thing in a transaction: what is added to is the newest row, however often devices change their tasks.
    """
    see_commits(tx)
    for chunk in rows.chunks(counted, rows.MOST_VALUES // len(DownloadRecord.__dataclass_fields__)):
        kept = select(tasks.c.id).where(tasks.c.id.in_([item.task_id for item in chunk])).order_by(tasks.c.id)
        there = frozenset(tx.execute(kept.with_for_update(read=True)).scalars())
        values = [asdict(item) for item in chunk if item.task_id in there]
        if values:
            tx.execute(_adding(tx.dialect.name), values)


def of_task(tx: Connection, task_id: int) -> DownloadRecord | None:
    """What was downloaded for a task; None when nothing was."""
    statement = select(*_COLUMNS).where(task_downloads.c.task_id == task_id)
    return rows.one_of(DownloadRecord, tx.execute(statement))
