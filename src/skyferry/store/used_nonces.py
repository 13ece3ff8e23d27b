"""Statements on nonces that several processes share."""

from sqlalchemy import Connection, delete, func, select, tuple_

from skyferry.store.dialect import see_commits, upserting
from skyferry.store.tables import used_nonces

_key = tuple_(used_nonces.c.access_key_id, used_nonces.c.fingerprint)


def add(tx: Connection, access_key_id: str, fingerprint: bytes, expires_at: int) -> bool:
    """Remembers a nonce; False when it is remembered already."""
    see_commits(tx)
    values = {"access_key_id": access_key_id, "fingerprint": fingerprint, "expires_at": expires_at}
    return tx.execute(upserting(tx, used_nonces).on_conflict_do_nothing(), values).rowcount == 1


def count(tx: Connection, access_key_id: str, now: int) -> int:
    """How many nonces of an access key have not expired."""
    statement = select(func.count()).where(used_nonces.c.access_key_id == access_key_id, used_nonces.c.expires_at > now)
    return tx.execute(statement).scalar_one()


def forget(tx: Connection, before: int, limit: int) -> int:
    """Removes up to `limit` nonces that had expired before a time, and tells how many."""
    expired = (
        select(used_nonces.c.access_key_id, used_nonces.c.fingerprint)
        .where(used_nonces.c.expires_at < before)
        .order_by(used_nonces.c.expires_at)
        .limit(limit)
    )
    return tx.execute(delete(used_nonces).where(_key.in_(expired))).rowcount
