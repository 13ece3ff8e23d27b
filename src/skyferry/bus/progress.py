"""How far workers have applied what is in the stream: who reported something can wait until it shows."""

import asyncio
import heapq
from itertools import count
from typing import Final

from skyferry.bus.names import PARTS

_PATIENCE_SECONDS: Final = 0.5


class Progress:
    """The position of each part, as the workers tell it after each commit.

    Waiting is a courtesy: a report is safe once it is in the stream. Where workers do not get on, nobody is kept
    waiting more than once until they do.
    """

    def __init__(self, patience_s: float = _PATIENCE_SECONDS) -> None:
        self._patience_s = patience_s
        self._parts = [_Part() for _ in range(PARTS)]

    def applied(self, part: int, sequence: int) -> None:
        """Workers have applied a part up to here."""
        self._parts[part].applied(sequence)

    async def wait_for(self, part: int, sequence: int) -> None:
        """Returns when a message was applied, or when that takes too long."""
        waiting = self._parts[part].waiter(sequence)
        if waiting is not None:
            done, _ = await asyncio.wait([waiting], timeout=self._patience_s)
            if not done:
                self._parts[part].gets_on = False


class _Part:
    __slots__ = ("_order", "_sequence", "_waiting", "gets_on")

    def __init__(self) -> None:
        self.gets_on = True
        self._sequence = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def applied(self, sequence: int) -> None:
        self.gets_on = True
        self._sequence = max(self._sequence, sequence)
        while self._waiting and self._waiting[0][0] <= self._sequence:
            *_, waiting = heapq.heappop(self._waiting)
            if not waiting.done():
                waiting.set_result(None)

    def waiter(self, sequence: int) -> asyncio.Future[None] | None:
        if sequence <= self._sequence or not self.gets_on:
            return None
        waiting = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (sequence, next(self._order), waiting))
        return waiting
