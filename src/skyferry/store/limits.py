"""What the store may take of a PostgreSQL server, and how long it waits for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostgresqlLimits:
    """Limits of one process.

    Attributes:
        connections: connections at most.
        wait_seconds: how long a transaction waits for a free one of these.
        connect_seconds: how long a new connection may take.
        statement_seconds: how long a statement may run.
        lock_seconds: how long it may wait for a lock.
        idle_seconds: how long a transaction may stand still before the server ends it.
        prepared: whether statements are prepared once for each connection; not through poolers that forget them.
    """

    connections: int = 20
    wait_seconds: float = 10.0
    connect_seconds: float = 10.0
    statement_seconds: float = 30.0
    lock_seconds: float = 10.0
    idle_seconds: float = 60.0
    prepared: bool = True
