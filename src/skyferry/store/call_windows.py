"""Statements that count calls for several processes; on PostgreSQL only, a process that is alone counts in memory."""

from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, text

from skyferry.store.dialect import see_commits

_NOW: Final = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint)"
"""The database's clock, in milliseconds since the Unix epoch, read when the row is locked."""

_RECENT: Final = f"SELECT at FROM unnest(counted.calls) AS at WHERE at > {_NOW} - 1000 AND at <= {_NOW}"  # noqa: S608
"""The calls of the last second; those of the future are from before the clock was set back."""

_TAKE: Final = text(
    f"""
    WITH taken AS (
        INSERT INTO call_windows AS counted (account_id, operation, calls)
        SELECT :account_id, :operation, ARRAY[{_NOW}] WHERE :most > 0
        ON CONFLICT (account_id, operation) DO UPDATE SET calls = ARRAY({_RECENT}) || {_NOW}
        WHERE (SELECT count(*) FROM ({_RECENT}) AS recent) < :most
        RETURNING account_id
    ),
    oldest AS (
        SELECT min(recent.at) AS at FROM call_windows AS counted, LATERAL ({_RECENT}) AS recent
        WHERE counted.account_id = :account_id AND counted.operation = :operation
    )
    SELECT CASE WHEN NOT EXISTS (SELECT FROM taken) THEN
        (SELECT least(greatest(coalesce(oldest.at + 1000 - {_NOW}, 1000), 1), 1000) FROM oldest)
    END
    """  # noqa: S608 - of constants only
).bindparams(bindparam("account_id", type_=BigInteger), bindparam("most", type_=BigInteger))


def take(tx: Connection, account_id: int, operation: str, most: int) -> int | None:
    """Counts a call if fewer than `most` were counted within the last second.

    Returns:
        None when it was counted; otherwise the milliseconds, from 1 to 1,000, after which there is room.
    """
    see_commits(tx)
    wait_ms: int | None = tx.execute(_TAKE, {"account_id": account_id, "operation": operation, "most": most}).scalar()
    return wait_ms
