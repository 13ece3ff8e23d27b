"""Leases: each piece of work is held by one process at a time, and by another soon after that one has ended.

A lease only spares double work. A process that was stopped for long may believe for a moment that it still holds what
another one has taken; that nothing is done twice follows from conditional updates, as in one process (docs/adr/0005).
"""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from skyferry.clock import Clock
from skyferry.cluster import metrics
from skyferry.cluster.membership import SILENT_MS
from skyferry.store import leases as statements
from skyferry.store.engine import Store
from skyferry.store.leases import Share

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LeaseLimits:
    """How long leases last.

    Attributes:
        lease_ms: after so many milliseconds others may take what was not renewed; it is renewed when a third is over.
            The clocks of the processes should not differ by more than a small part of it.
        short_ms: who has less than its share looks for more after so many milliseconds: work that another one gave up
            does not lie for long.
        silent_ms: a process that was not heard of for so many milliseconds has no share.
    """

    lease_ms: int = 20_000
    short_ms: int = 1_000
    silent_ms: int = SILENT_MS


@dataclass(slots=True)
class _Kind:
    """What is held of one kind of work, as it was found at the last look into the database.

    Attributes:
        names: the work that there was.
        held: the part of it that is this process's.
        is_short: there will be more for it.
        looked_ms: when that was.
    """

    names: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    is_short: bool = False
    looked_ms: int = 0


class Leases:
    """The leases of this process; it must be among `processes` to be counted when work is shared."""

    def __init__(self, store: Store, clock: Clock, process_id: str, limits: LeaseLimits | None = None) -> None:
        """Holds nothing yet.

        Args:
            store: where the leases are.
            clock: the time.
            process_id: the name of this process, which no other one has.
            limits: how long leases last.
        """
        self._store = store
        self._clock = clock
        self._process_id = process_id
        self._limits = limits or LeaseLimits()
        self._kinds: dict[str, _Kind] = {}

    async def hold(self, names: Collection[str]) -> frozenset[str]:
        """See `Claims.hold`.

        Looks into the database when a third of the lease is over, the names have changed or there may be more to do.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: the database is away.
        """
        wanted = frozenset(names)
        if not wanted:
            return wanted
        kind = self._kinds.setdefault(_kind_of(wanted), _Kind())
        now = self._clock.now_ms()
        rest_ms = self._limits.short_ms if kind.is_short else self._limits.lease_ms // 3
        fresh = 0 <= now - kind.looked_ms < rest_ms
        if not fresh or kind.names != wanted:
            share = await self._share(kind, wanted, now)
            held = share.held
            if held != kind.held:
                _log.info("leases.changed", taken=sorted(held - kind.held), lost=sorted(kind.held - held))
            kind.names, kind.held, kind.is_short, kind.looked_ms = wanted, held, share.is_short, now
            metrics.HELD.labels(_kind_of(wanted)).set(len(held))
        return kind.held

    async def release_all(self) -> None:
        """Lets others take over at once all that this process does."""
        await self._store.write(statements.release_all, self._process_id)
        self._kinds.clear()
        metrics.HELD.clear()

    async def _share(self, kind: _Kind, wanted: frozenset[str], now: int) -> Share:
        gone = kind.names - wanted
        if gone:
            await self._store.write(statements.remove, sorted(gone), self._process_id)
        return await self._store.write(
            statements.share,
            sorted(wanted),
            self._process_id,
            now=now,
            until=now + self._limits.lease_ms,
            heard_since=now - self._limits.silent_ms,
        )


def _kind_of(names: frozenset[str]) -> str:
    return min(names).partition(":")[0]
