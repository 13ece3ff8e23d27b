"""Statements on the outbox: messages that wait for their delivery, and those that could not be delivered."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.engine import announce
from skyferry.store.tables import outbox

FILLED: Final = "outbox"
"""What a transaction announces that made something ready to go."""


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message on its way; `body` is its payload in JSON."""

    id: int
    message_id: str
    ordering_key: str
    type: str
    topic: str
    body: str
    created_at: int
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadMessage:
    """A message that was tried as often as it may be."""

    message_id: str
    type: str
    topic: str
    body: str
    attempts: int
    last_error: str
    created_at: int
    dead_at: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What of a subscription waits.

    Attributes:
        waiting: messages that have not arrived; not counted further than was asked for.
        since: when the oldest of those that were counted was made; None when none waits.
        last_error: why one of them failed that is tried again; None when none has failed.
    """

    waiting: int
    since: int | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Retry:
    """A message that goes again later."""

    id: int
    due_at: int
    error: str


@dataclass(frozen=True, slots=True)
class Death:
    """A message that does not go again by itself."""

    id: int
    error: str


_MESSAGE = rows.columns(OutboxMessage, outbox)
_DEAD = rows.columns(DeadMessage, outbox)
_EARLIER: Final = outbox.alias("earlier")
_IS_BEHIND: Final = exists().where(
    _EARLIER.c.subscription_id == outbox.c.subscription_id,
    _EARLIER.c.ordering_key == outbox.c.ordering_key,
    _EARLIER.c.id < outbox.c.id,
    _EARLIER.c.dead_at.is_(None),
)


_DUE: Final = (
    select(_IS_BEHIND, *_MESSAGE)
    .where(
        outbox.c.subscription_id == bindparam("subscription"),
        outbox.c.due_at <= bindparam("now"),
        outbox.c.id.not_in(bindparam("under_way", expanding=True)),
    )
    .order_by(outbox.c.due_at, outbox.c.id)
    .limit(bindparam("most"))
)
"""Put together once: each courier runs it every second and whenever something was sent."""


def add(tx: Connection, messages: Sequence[Mapping[str, Any]]) -> None:
    """Adds messages, which may go at once; those of one ordering key in their order."""
    if messages:
        tx.execute(insert(outbox), list(messages))
        announce(tx, FILLED)


def due(
    tx: Connection, subscription_id: int, now: int, *, under_way: Collection[int], limit: int
) -> tuple[list[OutboxMessage], list[int]]:
    """Messages of a subscription that may go, longest waiting first.

    Args:
        tx: the transaction.
        subscription_id: key of the subscription.
        now: messages due later are left out.
        under_way: keys of messages that are left out too.
        limit: how many messages are looked at.

    Returns:
        The messages that are the first of their ordering key, and the keys of those that are not.
    """
    given = {"subscription": subscription_id, "now": now, "under_way": list(under_way), "most": limit}
    first: list[OutboxMessage] = []
    behind: list[int] = []
    for is_behind, *values in tx.execute(_DUE, given):
        message = OutboxMessage(*values)
        if is_behind:
            behind.append(message.id)
        else:
            first.append(message)
    return first, behind


def park(tx: Connection, keys: Collection[int]) -> None:
    """Lets messages wait for the end of an earlier one of their ordering key, as far as there still is one."""
    tx.execute(update(outbox).where(outbox.c.id.in_(keys), _IS_BEHIND).values(due_at=None))


def settle(
    tx: Connection,
    subscription_id: int,
    *,
    delivered: Collection[int],
    retries: Sequence[Retry],
    deaths: Sequence[Death],
    released: Collection[str],
    now: int,
) -> None:
    """Notes what became of messages, and lets the next ones go.

    Args:
        tx: the transaction.
        subscription_id: key of the subscription.
        delivered: keys of messages that arrived; they are removed.
        retries: those that go again.
        deaths: those that do not.
        released: the ordering keys of messages that were delivered or died.
        now: the time now.
    """
    if delivered:
        tx.execute(delete(outbox).where(outbox.c.id.in_(delivered)))
    if retries:
        statement = (
            update(outbox)
            .where(outbox.c.id == bindparam("key"))
            .values(due_at=bindparam("due"), last_error=bindparam("error"), attempts=outbox.c.attempts + 1)
        )
        tx.execute(statement, [{"key": item.id, "due": item.due_at, "error": item.error} for item in retries])
    if deaths:
        statement = (
            update(outbox)
            .where(outbox.c.id == bindparam("key"))
            .values(due_at=None, dead_at=now, last_error=bindparam("error"), attempts=outbox.c.attempts + 1)
        )
        tx.execute(statement, [{"key": item.id, "error": item.error} for item in deaths])
    if released:
        first = (
            select(func.min(outbox.c.id))
            .where(
                outbox.c.subscription_id == subscription_id,
                outbox.c.ordering_key == bindparam("released"),
                outbox.c.dead_at.is_(None),
            )
            .scalar_subquery()
        )
        following = update(outbox).where(outbox.c.id == first, outbox.c.due_at.is_(None)).values(due_at=now)
        tx.execute(following, [{"released": key} for key in released])


def backlog(tx: Connection, subscription_id: int, most: int) -> Backlog:
    """What of a subscription waits; no more than `most` messages are looked at."""
    some = select(outbox.c.created_at).where(_waiting(subscription_id)).limit(most).subquery()
    waiting, since = tx.execute(select(func.count(), func.min(some.c.created_at)).select_from(some)).one()
    going = (
        select(outbox.c.attempts, outbox.c.last_error)
        .where(outbox.c.subscription_id == subscription_id, outbox.c.due_at.is_not(None))
        .order_by(outbox.c.due_at, outbox.c.id)
        .limit(most)
        .subquery()
    )
    failed = select(going.c.last_error).where(going.c.attempts > 0).limit(1)
    return Backlog(waiting, since, tx.execute(failed).scalar())


def dead_up_to(tx: Connection, subscription_id: int, most: int) -> int:
    """How many messages of a subscription are dead; not counted further than `most`."""
    return _count(tx, _dead(subscription_id), most)


def page_of_dead(tx: Connection, subscription_id: int, *, offset: int, limit: int) -> Sequence[DeadMessage]:
    """Dead messages of a subscription, longest dead first."""
    statement = (
        select(*_DEAD).where(_dead(subscription_id)).order_by(outbox.c.dead_at, outbox.c.id).offset(offset).limit(limit)
    )
    return rows.all_of(DeadMessage, tx.execute(statement))


def revive(tx: Connection, subscription_id: int, message_ids: Collection[str] | None, *, now: int, limit: int) -> int:
    """Lets dead messages go again, as if for the first time, and tells how many.

    Args:
        tx: the transaction.
        subscription_id: key of the subscription.
        message_ids: only these; any when None.
        now: the time now.
        limit: not more than so many, longest dead first.
    """
    keys = select(outbox.c.id).where(_dead(subscription_id)).order_by(outbox.c.dead_at, outbox.c.id).limit(limit)
    if message_ids is not None:
        keys = keys.where(outbox.c.message_id.in_(message_ids))
    statement = (
        update(outbox)
        .where(outbox.c.id.in_(keys.subquery().select()), outbox.c.dead_at.is_not(None))
        .values(dead_at=None, due_at=now, attempts=0)
    )
    revived = tx.execute(statement).rowcount
    if revived:
        announce(tx, FILLED)
    return revived


def remove_dead(tx: Connection, subscription_id: int, *, before: int, limit: int) -> int:
    """Removes up to `limit` messages that died before a time, and tells how many."""
    return _remove(tx, _dead(subscription_id) & (outbox.c.dead_at < before), limit)


def remove_of(tx: Connection, subscription_id: int, limit: int) -> int:
    """Removes up to `limit` messages of a subscription, and tells how many."""
    waiting = _remove(tx, _waiting(subscription_id), limit)
    return waiting + _remove(tx, _dead(subscription_id), limit)


def _waiting(subscription_id: int) -> ColumnElement[bool]:
    return (outbox.c.subscription_id == subscription_id) & outbox.c.dead_at.is_(None)


def _dead(subscription_id: int) -> ColumnElement[bool]:
    return (outbox.c.subscription_id == subscription_id) & outbox.c.dead_at.is_not(None)


def _count(tx: Connection, condition: ColumnElement[bool], most: int) -> int:
    some = select(outbox.c.id).where(condition).limit(most).subquery()
    return tx.execute(select(func.count()).select_from(some)).scalar_one()


def _remove(tx: Connection, condition: ColumnElement[bool], limit: int) -> int:
    keys = select(outbox.c.id).where(condition).limit(limit).subquery().select()
    return tx.execute(delete(outbox).where(outbox.c.id.in_(keys))).rowcount
