"""Calls per second of each account and operation; the account's RAM users share them (gateway reference §4.5)."""

from collections import deque
from typing import Final, Protocol

_SECOND_MS: Final = 1_000


class Quota(Protocol):
    """Counts the calls of the last second. A refused call does not count."""

    async def take(self, account_id: int, operation: str, limit: int, *, now_ms: int) -> int | None:
        """Counts a call, if there is one left.

        Args:
            account_id: whose quota it is.
            operation: the operation's name.
            limit: calls per second.
            now_ms: the time now.

        Returns:
            None when the call may go on; otherwise the milliseconds (at least 1) after which one may.
        """
        ...


class LocalQuota:
    """Counts in memory: exact where one process serves all calls."""

    def __init__(self) -> None:
        self._calls: dict[tuple[int, str], deque[int]] = {}

    async def take(self, account_id: int, operation: str, limit: int, *, now_ms: int) -> int | None:
        """See `Quota.take`."""
        calls = self._calls.setdefault((account_id, operation), deque())
        if calls and calls[-1] > now_ms:
            calls.clear()  # the clock was set back
        while calls and calls[0] <= now_ms - _SECOND_MS:
            calls.popleft()
        if len(calls) < limit:
            calls.append(now_ms)
            return None
        return calls[0] + _SECOND_MS - now_ms if calls else _SECOND_MS
