"""That this process lives, as the others know it.

A process that could not tell so for long finds out that it may have been taken for dead: its devices are offline for
all others, so it must let go of them before it goes on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from skyferry import outages
from skyferry.clock import Clock
from skyferry.store import processes
from skyferry.store.engine import Store

_log = structlog.get_logger()

SILENT_MS: Final = 20_000
"""A process that was not heard of for so long is taken for dead."""
_BEAT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Member:
    """A process.

    Attributes:
        name: tells it from all others.
        roles: what it does, with commas.
    """

    name: str
    roles: str


class Membership:
    """Tells the others every few seconds that this process lives."""

    def __init__(
        self, store: Store, clock: Clock, member: Member, on_lapse: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Tells nothing yet.

        Args:
            store: where the others look.
            clock: tells the time.
            member: who this is.
            on_lapse: called when the others may have taken this process for dead, before it is back among them.
        """
        self._store = store
        self._clock = clock
        self._member = member
        self._on_lapse = on_lapse
        self._steady_since = 0
        self._heard_at = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Joins the others."""
        await self._enter()
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Leaves; all that this process held must be given up."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._store.write(processes.leave, self._member.name)

    @property
    def may_judge(self) -> bool:
        """Whether this process has been heard of without a break for as long as others must be silent.

        After an outage of the database every process was silent: none of them is dead for that.
        """
        now = self._clock.now_ms()
        return now - self._steady_since > SILENT_MS and now - self._heard_at < SILENT_MS // 2

    async def check(self) -> None:
        """Returns while the others know that this process lives.

        Raises:
            ConnectionError: they do not.
        """
        if self._clock.now_ms() - self._heard_at > SILENT_MS:
            raise ConnectionError("The database was not told for long that this process lives.")

    async def beat(self) -> None:
        """Tells the others once."""
        now = self._clock.now_ms()
        alive = await self._store.write(processes.beat, self._member.name, now=now, alive_since=now - SILENT_MS)
        if not alive:
            _log.warning("process.lapsed", process=self._member.name)
            if self._on_lapse is not None:
                await self._on_lapse()
            await self._enter()
            return
        if now - self._heard_at > SILENT_MS // 2:
            self._steady_since = now
        self._heard_at = now

    async def _enter(self) -> None:
        now = self._clock.now_ms()
        await self._store.write(processes.enter, self._member.name, roles=self._member.roles, now=now)
        self._steady_since = self._heard_at = now

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - told again in a moment
                _log.warning("process.beat_failed", **outages.cause(error))
