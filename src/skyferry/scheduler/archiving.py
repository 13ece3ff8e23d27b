"""Archives tasks of jobs that ended long ago: a file first, then the rows.

Beside the other chores, which do not wait for an object store that is slow or away.
"""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from skyferry.clock import Clock
from skyferry.cluster.claims import Claims
from skyferry.objects.interface import ObjectStore
from skyferry.ota import archives
from skyferry.ota.archives import ArchiveFile
from skyferry.scheduler import metrics
from skyferry.scheduler.chores import every, shared
from skyferry.store import archives as statements
from skyferry.store.engine import Store

_log = structlog.get_logger()

_TASKS_AT_ONCE: Final = 500
_NAME: Final = "archive_tasks"
_TURN_SECONDS: Final = 5
"""A lease is renewed so often."""
_REST_SECONDS: Final = 600
"""So long it rests when nothing is left."""
_FAILED_SECONDS: Final = 60
"""So long it rests when the object store did not take a file, or the database is away."""


class Archiving:
    """Goes through the jobs by their keys, again and again."""

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        clock: Clock,
        claims: Claims,
        *,
        kept_ms: int,
        tasks_at_once: int = _TASKS_AT_ONCE,
    ) -> None:
        """Archives nothing yet.

        Args:
            store: the database.
            objects: where the files go.
            clock: tells the time.
            claims: tells whether it is this process that archives.
            kept_ms: for how long tasks stay after the end of their job.
            tasks_at_once: tasks of one file.
        """
        self._store = store
        self._objects = objects
        self._clock = clock
        self._kept_ms = kept_ms
        self._tasks_at_once = tasks_at_once
        self._done_up_to = 0
        self._chore = shared({_NAME: every(_REST_SECONDS, clock, self.archive_next)}, claims, "archives")[_NAME]
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends, at whatever point it is: the next start does the same portion again."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def archive_next(self) -> bool:
        """Archives the next portion; False when none is left.

        Raises:
            OSError: the file cannot be stored; the tasks stay.
        """
        ended_before = self._clock.now_ms() - self._kept_ms
        job = await self._store.read(statements.next_job, ended_before=ended_before, after=self._done_up_to)
        if job is None:
            self._done_up_to = 0
            return False
        portion = await self._store.read(archives.read, job, self._tasks_at_once)
        if portion is None:
            self._done_up_to = job.id
            return True
        file = await asyncio.to_thread(archives.written, portion)
        await self._put(file)
        moved = await self._store.write(
            archives.move, portion, file, ended_before=ended_before, now=self._clock.now_ms()
        )
        if moved:
            metrics.ARCHIVED.inc(len(portion.tasks))
            _log.info("tasks archived", job=job.job_id, tasks=len(portion.tasks), file=file.name)
        return True

    async def _run(self) -> None:
        while True:
            try:
                more = await self._chore()
            except Exception:  # noqa: BLE001 - whatever it was, the tasks are still there
                metrics.CHORE_FAILURES.labels(_NAME).inc()
                _log.exception("worker.chore_failed", chore=_NAME)
                await asyncio.sleep(_FAILED_SECONDS)
            else:
                await asyncio.sleep(0 if more else _TURN_SECONDS)

    async def _put(self, file: ArchiveFile) -> None:
        writer = await self._objects.create()
        try:
            await writer.write(file.content)
            await writer.commit(file.name)
        finally:
            await writer.abort()
