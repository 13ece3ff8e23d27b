"""Statements on subscriptions: who wants messages, and of which types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select, update

from skyferry.store import rows
from skyferry.store.engine import announce
from skyferry.store.tables import subscriptions

CHANGED: Final = "subscriptions"
"""What a transaction announces that changed a subscription."""

_KNOWN: Final = "skyferry.subscribers"


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    """A row of `subscriptions` that is not deleted."""

    id: int
    instance_id: int
    subscription_id: str
    kind: str
    target: str
    secret_sealed: bytes | None
    types: list[str]
    active: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An active subscription, as far as making messages goes."""

    id: int
    instance_id: int
    types: list[str]


_COLUMNS = rows.columns(SubscriptionRecord, subscriptions)
_SUBSCRIBER = rows.columns(Subscriber, subscriptions)
_IS_ACTIVE: Final = subscriptions.c.active & subscriptions.c.deleted_at.is_(None)
# Put together once: they run every few seconds, and one of them in every transaction that changes a task.
_ACTIVE: Final = select(*_COLUMNS).where(_IS_ACTIVE)
_SUBSCRIBERS: Final = select(*_SUBSCRIBER).where(_IS_ACTIVE).order_by(subscriptions.c.id)
_NEXT_DELETED: Final = select(subscriptions.c.id).where(subscriptions.c.deleted_at.is_not(None)).limit(1)


def insert(tx: Connection, values: Mapping[str, Any]) -> None:
    """Adds a subscription."""
    tx.execute(subscriptions.insert(), dict(values))
    _changed(tx)


def change(tx: Connection, key: int, values: Mapping[str, Any]) -> bool:
    """Changes columns of a subscription; False when it is gone."""
    statement = update(subscriptions).where(subscriptions.c.id == key, subscriptions.c.deleted_at.is_(None))
    _changed(tx)
    return tx.execute(statement.values(**values)).rowcount == 1


def find(tx: Connection, instance_id: int, subscription_id: str) -> SubscriptionRecord | None:
    """The subscription of this SubscriptionId."""
    statement = select(*_COLUMNS).where(
        subscriptions.c.subscription_id == subscription_id,
        subscriptions.c.instance_id == instance_id,
        subscriptions.c.deleted_at.is_(None),
    )
    return rows.one_of(SubscriptionRecord, tx.execute(statement))


def of_instance(tx: Connection, instance_id: int) -> Sequence[SubscriptionRecord]:
    """The subscriptions of an instance, oldest first."""
    statement = (
        select(*_COLUMNS)
        .where(subscriptions.c.instance_id == instance_id, subscriptions.c.deleted_at.is_(None))
        .order_by(subscriptions.c.id)
    )
    return rows.all_of(SubscriptionRecord, tx.execute(statement))


def count_of_instance(tx: Connection, instance_id: int) -> int:
    """How many subscriptions an instance has."""
    statement = (
        select(func.count())
        .select_from(subscriptions)
        .where(subscriptions.c.instance_id == instance_id, subscriptions.c.deleted_at.is_(None))
    )
    return tx.execute(statement).scalar_one()


def active(tx: Connection) -> Sequence[SubscriptionRecord]:
    """The active subscriptions of all instances."""
    return rows.all_of(SubscriptionRecord, tx.execute(_ACTIVE))


def keys(tx: Connection) -> Sequence[int]:
    """The keys of all subscriptions, active or not."""
    return tx.execute(select(subscriptions.c.id).where(subscriptions.c.deleted_at.is_(None))).scalars().all()


def subscribers(tx: Connection) -> Sequence[Subscriber]:
    """Who wants messages, of all instances; asked of the database once in a transaction.

    Whatever happens in a transaction asks this, most often to hear that nobody does: it must cost next to nothing.
    """
    transaction = tx.get_transaction()
    known: tuple[object, Sequence[Subscriber]] | None = tx.info.get(_KNOWN)
    if known is None or known[0] is not transaction:
        known = (transaction, rows.all_of(Subscriber, tx.execute(_SUBSCRIBERS)))
        tx.info[_KNOWN] = known
    return known[1]


def next_deleted(tx: Connection) -> int | None:
    """The key of a deleted subscription whose row is still there."""
    return tx.execute(_NEXT_DELETED).scalar()


def remove(tx: Connection, key: int) -> None:
    """Removes the row of a deleted subscription."""
    tx.execute(delete(subscriptions).where(subscriptions.c.id == key, subscriptions.c.deleted_at.is_not(None)))


def _changed(tx: Connection) -> None:
    tx.info.pop(_KNOWN, None)
    announce(tx, CHANGED)
