"""How the gateway asks who signed a request."""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from skyferry.clock import Clock
from skyferry.ram.principal import Principal, Role
from skyferry.ram.tokens import SecurityTokens

FoundT = TypeVar("FoundT")

_SHAPE: Final = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Directory:
    """Knows who may sign.

    Attributes:
        key_owner: the owner of an access key; None when there is no such key.
        role: the role with a `RoleId`; None when there is none any more.
        tokens: reads the tokens of temporary access keys.
    """

    key_owner: Callable[[str], Awaitable[Principal | None]]
    role: Callable[[str], Awaitable[Role | None]]
    tokens: SecurityTokens


class Remembered(Generic[FoundT]):
    """Remembers what was found for a moment, so that a burst of calls reads the database once.

    Keys, roles and policies that another process changes take effect when the moment is over. What was not found is
    not remembered: a key works as soon as it is made.
    """

    def __init__(
        self,
        find: Callable[[str], Awaitable[FoundT | None]],
        clock: Clock,
        *,
        lifetime_ms: int = 1_000,
        most: int = 1_024,
    ) -> None:
        """Starts empty.

        Args:
            find: finds something by its name.
            clock: tells when an entry has expired.
            lifetime_ms: how long an entry is used, in milliseconds.
            most: how many entries are kept.
        """
        self._find = find
        self._clock = clock
        self._lifetime_ms = lifetime_ms
        self._most = most
        self._entries: OrderedDict[str, tuple[int, FoundT]] = OrderedDict()

    async def __call__(self, name: str) -> FoundT | None:
        """What has this name, or None."""
        entry = self._entries.get(name)
        if entry is not None and 0 <= self._clock.now_ms() - entry[0] < self._lifetime_ms:
            return entry[1]
        self._entries.pop(name, None)
        if not _SHAPE.fullmatch(name):
            return None
        read_ms = self._clock.now_ms()
        found = await self._find(name)
        if found is not None:
            self._entries[name] = (read_ms, found)
            if len(self._entries) > self._most:
                self._entries.popitem(last=False)
        return found
