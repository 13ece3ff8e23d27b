"""Counts what was downloaded for each task in memory and writes it down now and then: no row per request."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from skyferry.bus.messages import Downloaded
from skyferry.store import downloads
from skyferry.store.downloads import DownloadRecord
from skyferry.store.engine import Store

_log = structlog.get_logger()

_SECONDS: Final = 1.0


class DownloadCounts:
    """What was downloaded and is not written down yet: one record for each task that downloads right now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[int, DownloadRecord] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to write down what was counted, every second."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Writes down the rest."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._write_quietly()

    def add(self, count: Downloaded) -> None:
        """Takes a count from the bus."""
        self._put(DownloadRecord(count.task_id, count.bytes, count.requests, count.failures, count.at))

    async def write(self) -> None:
        """Writes down what waits, in one transaction.

        Raises:
            Exception: whatever the store raises; then everything goes on waiting.
        """
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            await self._store.write(downloads.add, list(waiting.values()))
        except BaseException:
            for record in waiting.values():
                self._put(record)
            raise

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS)
            await self._write_quietly()

    async def _write_quietly(self) -> None:
        try:
            await self.write()
        except Exception:  # noqa: BLE001 - a database that is away for a moment must not end the counting
            _log.exception("downloads.not_counted")

    def _put(self, new: DownloadRecord) -> None:
        old = self._waiting.get(new.task_id)
        if old is not None:
            new = DownloadRecord(
                new.task_id,
                old.bytes + new.bytes,
                old.requests + new.requests,
                old.failures + new.failures,
                max(old.modified_at, new.modified_at),
            )
        self._waiting[new.task_id] = new
