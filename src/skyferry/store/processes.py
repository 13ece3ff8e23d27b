"""Statements on the processes that work as one server."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from skyferry.store.dialect import upserting
from skyferry.store.tables import processes


def enter(tx: Connection, process: str, *, roles: str, now: int) -> None:
    """A process begins to work, or goes on after it was taken for dead."""
    statement = upserting(tx, processes).values(id=process, roles=roles, started_at=now, heard_at=now)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={"heard_at": now, "roles": statement.excluded.roles}
        )
    )


def beat(tx: Connection, process: str, *, now: int, alive_since: int) -> bool:
    """A process lives; False when it was silent for so long that others may have taken it for dead."""
    statement = update(processes).where(processes.c.id == process, processes.c.heard_at >= alive_since)
    return tx.execute(statement.values(heard_at=now)).rowcount == 1


def leave(tx: Connection, process: str) -> None:
    """A process has ended, or what was left of it is done with."""
    tx.execute(delete(processes).where(processes.c.id == process))


def silent(tx: Connection, before: int) -> Sequence[tuple[str, int]]:
    """Processes that were last heard of before this moment, and when that was."""
    statement = select(processes.c.id, processes.c.heard_at).where(processes.c.heard_at < before)
    return [(process, heard_at) for process, heard_at in tx.execute(statement.order_by(processes.c.id))]
