"""Calls per second of each account and operation; the account's RAM users share them (gateway reference §4.5)."""

from collections import deque
from collections.abc import Mapping
from typing import Final

_SECOND_MS: Final = 1_000


class Quota:
    """Counts the calls of the last second. A refused call does not count."""

    def __init__(self, overrides: Mapping[str, int] | None = None) -> None:
        """Starts with nothing counted.

        Args:
            overrides: calls per second by operation name, in place of what the operation declares.
        """
        self._overrides = dict(overrides or {})
        self._calls: dict[tuple[int, str], deque[int]] = {}

    def take(self, account_id: int, operation: str, declared: int, *, now_ms: int) -> int | None:
        """Counts a call, if there is one left.

        Args:
            account_id: whose quota it is.
            operation: the operation's name.
            declared: calls per second that the operation declares.
            now_ms: the time now.

        Returns:
            None when the call may go on; otherwise the milliseconds (at least 1) after which one may.
        """
        limit = self._overrides.get(operation, declared)
        calls = self._calls.setdefault((account_id, operation), deque())
        if calls and calls[-1] > now_ms:
            calls.clear()  # the clock was set back
        while calls and calls[0] <= now_ms - _SECOND_MS:
            calls.popleft()
        if len(calls) < limit:
            calls.append(now_ms)
            return None
        return calls[0] + _SECOND_MS - now_ms if calls else _SECOND_MS
