"""Statements on leases: who does which work."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, or_, select, update

from skyferry.store.dialect import see_commits, upserting
from skyferry.store.tables import leases, processes

_WORKER: Final = "worker"
_FREE_AT: Final = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What a process does of one kind of work.

    Attributes:
        held: the work that it does.
        is_short: it would do more, and waits until others have given it up or have gone.
    """

    held: frozenset[str]
    is_short: bool


def share(tx: Connection, names: Sequence[str], holder: str, *, now: int, until: int, heard_since: int) -> Share:
    """Renews, gives up and takes leases so that the holder has its fair share, as far as others leave it some.

    Args:
        tx: the transaction.
        names: all work of one kind.
        holder: who wants its share.
        now: the time now; what others hold until then is free.
        until: how long the holder's leases last.
        heard_since: a worker that was not heard of since then gets no share.

    Returns:
        What the holder has afterwards.
    """
    see_commits(tx)
    found = select(leases.c.name, leases.c.holder).where(leases.c.name.in_(names))
    holders: dict[str, str | None] = {row.name: row.holder for row in tx.execute(found)}
    _add(tx, [name for name in names if name not in holders])
    workers = max(_living_workers(tx, heard_since), 1)
    least, most = len(names) // workers, -(-len(names) // workers)
    mine = [name for name in names if holders.get(name) == holder]
    _give_up(tx, mine[most:], holder)
    kept = _renew(tx, mine[:most], holder, until)
    others = [name for name in names if name not in mine]
    held = kept | _take(tx, others, holder, now=now, until=until, most=most - len(kept))
    return Share(held, is_short=len(held) < least)


def remove(tx: Connection, names: Collection[str], holder: str) -> None:
    """Removes the leases of work that there is no more."""
    tx.execute(delete(leases).where(leases.c.name.in_(names), leases.c.holder == holder))


def release_all(tx: Connection, holder: str) -> None:
    """Gives up all that the holder has."""
    tx.execute(update(leases).where(leases.c.holder == holder).values(holder=None, until_at=_FREE_AT))


def _living_workers(tx: Connection, heard_since: int) -> int:
    roles = tx.execute(select(processes.c.roles).where(processes.c.heard_at >= heard_since)).scalars()
    return sum(_WORKER in of_process.split(",") for of_process in roles)


def _add(tx: Connection, names: Sequence[str]) -> None:
    if names:
        rows = [{"name": name, "holder": None, "until_at": _FREE_AT} for name in names]
        tx.execute(upserting(tx, leases).on_conflict_do_nothing(), rows)


def _give_up(tx: Connection, names: Sequence[str], holder: str) -> None:
    if names:
        of_holder = update(leases).where(leases.c.name.in_(names), leases.c.holder == holder)
        tx.execute(of_holder.values(holder=None, until_at=_FREE_AT))


def _renew(tx: Connection, names: Sequence[str], holder: str, until: int) -> frozenset[str]:
    if not names:
        return frozenset()
    renewed = update(leases).where(leases.c.name.in_(names), leases.c.holder == holder).values(until_at=until)
    return frozenset(tx.execute(renewed.returning(leases.c.name)).scalars())


def _take(tx: Connection, names: Sequence[str], holder: str, *, now: int, until: int, most: int) -> frozenset[str]:
    if not names or most <= 0:
        return frozenset()
    free = (
        select(leases.c.name)
        .where(leases.c.name.in_(names), or_(leases.c.holder.is_(None), leases.c.until_at <= now))
        .order_by(leases.c.name)
        .limit(most)
        .with_for_update(skip_locked=True)
    )
    taken = tx.execute(free).scalars().all()
    if taken:
        tx.execute(update(leases).where(leases.c.name.in_(taken)).values(holder=holder, until_at=until))
    return frozenset(taken)
