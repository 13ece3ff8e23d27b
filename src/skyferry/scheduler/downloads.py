"""Counts what was downloaded for each task in memory and writes it down now and then: no row per request."""

from skyferry.bus.messages import Downloaded
from skyferry.store import downloads
from skyferry.store.downloads import DownloadRecord
from skyferry.store.engine import Store


class DownloadCounts:
    """What was downloaded and is not written down yet: one record for each task that downloads right now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[int, DownloadRecord] = {}

    def add(self, count: Downloaded) -> None:
        """Takes a count from the bus."""
        self._put(DownloadRecord(count.task_id, count.bytes, count.requests, count.failures, count.at))

    async def write(self) -> bool:
        """Writes down what waits, in one transaction. A chore of the worker.

        Raises:
            Exception: whatever the store raises; then everything goes on waiting.
        """
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return False
        try:
            await self._store.write(downloads.add, list(waiting.values()))
        except BaseException:
            for record in waiting.values():
                self._put(record)
            raise
        return False

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
