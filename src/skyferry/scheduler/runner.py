"""The worker's loop: wakes for a reason or by the clock, and does every chore until nothing is left of it."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog

from skyferry.clock import Clock
from skyferry.scheduler import metrics
from skyferry.scheduler.chores import Chore
from skyferry.scheduler.lookout import Lookout

_log = structlog.get_logger()

_TICK_SECONDS: Final = 1.0
_SHORTEST_SECONDS: Final = 0.1
"""A job's rate makes its pushes due every few milliseconds; a round of the chores sends all that came due since."""


class Runner:
    """Runs chores until it is stopped."""

    def __init__(self, lookout: Lookout, clock: Clock, chores: Mapping[str, Chore]) -> None:
        self._lookout = lookout
        self._clock = clock
        self._chores = chores
        self._woken = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """There may be something to do."""
        self._woken.set()

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends after the chore that is running: a claim must not be parted from its pushes."""
        self._stopping = True
        self._woken.set()
        if self._task is not None:
            await self._task

    async def check(self) -> None:
        """Returns while the loop runs.

        Raises:
            ConnectionError: it has ended.
        """
        if self._task is None or self._task.done():
            raise ConnectionError("The worker has stopped.")

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            await self._look()
            more = False
            for name, chore in self._chores.items():
                more |= await self._do(name, chore)
            if not more and not self._stopping:
                await self._sleep()

    async def _do(self, name: str, chore: Chore) -> bool:
        began = time.perf_counter()
        try:
            return await chore()
        except Exception:  # noqa: BLE001 - whatever it was, the other chores go on
            metrics.CHORE_FAILURES.labels(name).inc()
            _log.exception("worker.chore_failed", chore=name)
            await asyncio.sleep(_TICK_SECONDS)
            return False
        finally:
            metrics.CHORE_SECONDS.labels(name).inc(time.perf_counter() - began)

    async def _look(self) -> None:
        try:
            await self._lookout.look()
        except Exception:  # noqa: BLE001 - a database that is away for a moment must not end the loop
            _log.exception("worker.look_failed")

    async def _sleep(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._rest_seconds())

    def _rest_seconds(self) -> float:
        """How long nothing can come due; after a round that did something only a new look says that."""
        if self._lookout.acted:
            return _SHORTEST_SECONDS
        push_at = self._lookout.push_at
        seconds = _TICK_SECONDS if push_at is None else (push_at - self._clock.now_ms()) / 1_000
        return min(max(seconds, _SHORTEST_SECONDS), _TICK_SECONDS)
