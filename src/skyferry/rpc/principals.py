"""How the gateway asks who signed a request."""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from skyferry.clock import Clock
from skyferry.ram.principal import Principal

_KEY_SHAPE: Final = re.compile(r"[!-~]{1,128}")

FindPrincipal = Callable[[str], Awaitable[Principal | None]]
"""Finds the owner of an access key; None when there is no such key."""


class PrincipalCache:
    """Remembers found owners for a moment, so that a burst of calls reads the database once.

    Keys and policies that another process changes take effect when the moment is over. Unknown keys are not
    remembered: a key works as soon as it is made.
    """

    def __init__(self, find: FindPrincipal, clock: Clock, *, lifetime_ms: int = 1_000, most: int = 1_024) -> None:
        """Starts empty.

        Args:
            find: where owners come from.
            clock: tells when an entry has expired.
            lifetime_ms: how long an entry is used, in milliseconds.
            most: how many entries are kept.
        """
        self._find = find
        self._clock = clock
        self._lifetime_ms = lifetime_ms
        self._most = most
        self._entries: OrderedDict[str, tuple[int, Principal]] = OrderedDict()

    async def __call__(self, access_key_id: str) -> Principal | None:
        """The owner of the access key, or None."""
        entry = self._entries.get(access_key_id)
        if entry is not None and 0 <= self._clock.now_ms() - entry[0] < self._lifetime_ms:
            return entry[1]
        self._entries.pop(access_key_id, None)
        if not _KEY_SHAPE.fullmatch(access_key_id):
            return None
        read_ms = self._clock.now_ms()
        principal = await self._find(access_key_id)
        if principal is not None:
            self._entries[access_key_id] = (read_ms, principal)
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        return principal
