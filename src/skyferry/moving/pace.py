"""How fast the other platform is asked: below what it allows an account, which the account's applications share."""

import asyncio
from collections.abc import Mapping
from typing import Final

UNLISTED: Final = 5
"""Calls per second of an operation whose quota is not known: as slow as the slowest that is asked here."""


_SLOWEST: Final = 64.0
"""How much slower than planned an operation is called at most."""
_SLOWER: Final = 2.0
_FASTER: Final = 0.98


class Pace:
    """Spaces the calls of each operation evenly; slower after each refusal, and little by little as planned again.

    Others use the same account, and the quota of an account may be another than the documented one.
    """

    def __init__(self, quotas: Mapping[str, int], share: float) -> None:
        """Starts with nothing called.

        Args:
            quotas: calls per second and account by operation.
            share: which part of them is used, above 0 and at most 1.
        """
        self._quotas = quotas
        self._share = share
        self._next: dict[str, float] = {}
        self._held: dict[str, float] = {}
        self._slowness: dict[str, float] = {}

    async def wait(self, action: str) -> None:
        """Returns when the operation may be called once."""
        now = asyncio.get_running_loop().time()
        turn = max(now, self._next.get(action, now))
        planned = 1 / (self._quotas.get(action, UNLISTED) * self._share)
        self._next[action] = turn + planned * self._slowness.get(action, 1)
        await asyncio.sleep(turn - now)

    def hold(self, action: str, seconds: float) -> None:
        """Lets nobody begin to call the operation for a while: the platform has had enough of it.

        Calls that were under way together are refused together, which makes the operation slower once.
        """
        now = asyncio.get_running_loop().time()
        if now < self._held.get(action, now):
            return
        self._held[action] = now + seconds
        self._next[action] = max(now + seconds, self._next.get(action, now))
        self._slowness[action] = min(self._slowness.get(action, 1) * _SLOWER, _SLOWEST)

    def went_well(self, action: str) -> None:
        """Takes note that the platform let a call through."""
        self._slowness[action] = max(self._slowness.get(action, 1) * _FASTER, 1)
