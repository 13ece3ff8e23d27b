"""Statements on the server as a whole, whoever the data belongs to: for those who operate it."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, text

from skyferry.store.tables import devices, outbox, task_is_open, tasks

_OF_A_DEVICE: Final = tasks.c.device_id > 0
"""True of every task: it leads SQLite to the index of open tasks, instead of that of all tasks."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the database has, and has to do.

    Attributes:
        database_bytes: the size of the database.
        devices_online: devices that are connected, or poll.
        open_tasks: tasks that have not ended.
        waiting: messages to business servers that have not arrived; not counted further than was asked for.
        waiting_since: when the oldest of those that were counted was made; None when none waits.
    """

    database_bytes: int
    devices_online: int
    open_tasks: int
    waiting: int
    waiting_since: int | None


@dataclass(frozen=True, slots=True)
class WaitingEvents:
    """Messages to business servers, not counted further than was asked for.

    Attributes:
        number: how many have not arrived.
        since: when the oldest of them was made; None when none waits.
        dead: how many could not be delivered and are kept.
    """

    number: int
    since: int | None
    dead: int


def waiting_events(tx: Connection, most: int) -> WaitingEvents:
    """What waits for business servers, and what was given up; no more than `most` of each are looked at."""
    waiting = select(outbox.c.created_at).where(outbox.c.dead_at.is_(None)).order_by(outbox.c.id).limit(most).subquery()
    dead = select(outbox.c.id).where(outbox.c.dead_at.is_not(None)).limit(most).subquery()
    number, since = tx.execute(select(func.count(), func.min(waiting.c.created_at)).select_from(waiting)).one()
    return WaitingEvents(number, since, tx.execute(select(func.count()).select_from(dead)).scalar_one())


def work(tx: Connection, most_waiting: int) -> Work:
    """What there is now; of waiting messages no more than `most_waiting` are looked at."""
    some = select(outbox.c.created_at).where(outbox.c.dead_at.is_(None)).limit(most_waiting).subquery()
    waiting, since = tx.execute(select(func.count(), func.min(some.c.created_at)).select_from(some)).one()
    online = select(func.count()).select_from(devices).where(devices.c.connection_id.is_not(None))
    unfinished = select(func.count()).select_from(tasks).where(task_is_open, _OF_A_DEVICE)
    return Work(
        database_bytes=_size(tx),
        devices_online=tx.execute(online).scalar_one(),
        open_tasks=tx.execute(unfinished).scalar_one(),
        waiting=waiting,
        waiting_since=since,
    )


def _size(tx: Connection) -> int:
    if tx.dialect.name == "postgresql":
        return int(tx.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    pages = tx.execute(text("PRAGMA page_count")).scalar_one()
    return int(pages * tx.execute(text("PRAGMA page_size")).scalar_one())
