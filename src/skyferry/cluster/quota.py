"""Calls per second of each account and operation, counted for all processes together.

The time is the database's. One row is locked for each call, so that calls are counted one after the other, and only a
clock that they all share makes their times stand in that order: if processes wrote the times of their own clocks, those
that differ by a tenth of a second would let a tenth too many calls pass.
"""

from typing import Final

from skyferry.store import call_windows
from skyferry.store.engine import Store

_SECOND_MS: Final = 1_000


class SharedQuota:
    """Counts in PostgreSQL, a statement for each call that may pass. See `skyferry.rpc.quota.Quota`."""

    def __init__(self, store: Store) -> None:
        """Args: store: where calls are counted."""
        self._store = store
        self._full_until: dict[tuple[int, str], int] = {}

    async def take(self, account_id: int, operation: str, limit: int, *, now_ms: int) -> int | None:
        """See `Quota.take`.

        A caller that was refused is refused without a look into the database until a call of theirs can pass, so that
        those who do not stop are no load on it.
        """
        key = account_id, operation
        wait_ms = self._full_until.get(key, 0) - now_ms
        if 0 < wait_ms <= _SECOND_MS:
            return wait_ms
        refused_ms = await self._store.write(call_windows.take, account_id, operation, limit)
        if refused_ms is None:
            self._full_until.pop(key, None)
        else:
            self._full_until[key] = now_ms + refused_ms
        return refused_ms
