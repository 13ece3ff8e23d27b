"""Statements by which another process asks the running server to end connections of devices."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select

from skyferry.store.dialect import upserting
from skyferry.store.tables import disconnections


def ask(tx: Connection, device_id: int) -> None:
    """The server is to end the connection of a device, if it has one."""
    tx.execute(upserting(tx, disconnections).values(device_id=device_id).on_conflict_do_nothing())


def take(tx: Connection, limit: int) -> Sequence[int]:
    """The keys of up to `limit` devices that were asked for; they are asked for no more."""
    chosen = select(disconnections.c.device_id).order_by(disconnections.c.device_id).limit(limit)
    statement = delete(disconnections).where(disconnections.c.device_id.in_(chosen.scalar_subquery()))
    return tx.execute(statement.returning(disconnections.c.device_id)).scalars().all()


def forget(tx: Connection) -> None:
    """Nothing is asked for any more: a server that starts has no connections."""
    tx.execute(delete(disconnections))
