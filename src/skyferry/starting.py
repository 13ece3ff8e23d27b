"""What a start may end with, and how it waits for engines: after a power failure everything starts at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

_log = structlog.get_logger()

_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 5.0


class StartError(Exception):
    """The server cannot start as it is told to; the message says why."""


class EngineAwayError(StartError):
    """The database, NATS or the object store does not answer: the same start may succeed later."""


class StartGivenUpError(StartError):
    """The server was told to stop while it waited."""


class Patience:
    """How long a start waits for all its engines together, from the first one on."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None
        self._given_up = asyncio.Event()

    def give_up(self) -> None:
        """Waits no longer."""
        self._given_up.set()

    async def wait_for(self, join: Callable[[], Awaitable[None]]) -> None:
        """Joins an engine, again and again while it is away and there is patience left.

        Args:
            join: must leave nothing behind when it fails.

        Raises:
            EngineAwayError: the last time it was still away.
            StartGivenUpError: see there.
        """
        pause = _PAUSE_SECONDS
        now = asyncio.get_running_loop().time
        self._end = self._end or now() + self._seconds
        while True:
            try:
                return await join()
            except EngineAwayError as error:
                if (left := self._end - now()) <= 0:
                    raise
                _log.warning("start.waiting", reason=str(error), seconds_left=round(left, 1))
            await self._rest(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _rest(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._given_up.wait(), seconds)
        except TimeoutError:
            return
        raise StartGivenUpError("The server was told to stop before it had started.")
