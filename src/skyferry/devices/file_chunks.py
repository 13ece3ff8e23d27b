"""Reads of package files for downloads over MQTT: in large pieces, each once for all devices that ask for it.

A device asks for a few kilobytes at a time and thousands of devices ask for the same ones. What was read lately is
kept, so that most blocks cost no access to the object store.
"""

import asyncio
from collections import OrderedDict

from skyferry.devices.limits import DownloadLimits
from skyferry.objects.interface import ObjectStore

_Key = tuple[str, int]


class FileChunks:
    """Pieces of files: bounded in memory, and in how many are read at the same time."""

    def __init__(self, objects: ObjectStore, limits: DownloadLimits) -> None:
        self._objects = objects
        self._chunk_bytes = limits.chunk_bytes
        self._most = max(1, limits.cache_bytes // limits.chunk_bytes)
        self._reads = asyncio.Semaphore(limits.reads)
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._reading: dict[_Key, asyncio.Task[bytes]] = {}

    async def read(self, blob: str, size: int, start: int, count: int) -> bytes:
        """A part of a file.

        Args:
            blob: the name of its bytes in the object store.
            size: the length of the whole file, in bytes.
            start: where the part begins.
            count: its length; it must lie within the file.

        Raises:
            OSError: the file cannot be read.
        """
        parts = []
        while count:
            number, skipped = divmod(start, self._chunk_bytes)
            part = (await self._chunk(blob, size, number))[skipped : skipped + count]
            if not part:
                raise OSError("The file is shorter than it was.")
            parts.append(part)
            start += len(part)
            count -= len(part)
        return b"".join(parts)

    async def close(self) -> None:
        """Waits for the reads that are under way."""
        while self._reading:
            await asyncio.wait(self._reading.values())

    async def _chunk(self, blob: str, size: int, number: int) -> bytes:
        key = (blob, number)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        task = self._reading.get(key)
        if task is None:
            task = asyncio.create_task(self._load(key, size))
            self._reading[key] = task
            task.add_done_callback(lambda _: self._reading.pop(key))
        return await asyncio.shield(task)  # others wait for it too

    async def _load(self, key: _Key, size: int) -> bytes:
        blob, number = key
        start = number * self._chunk_bytes
        async with self._reads:
            reader = await self._objects.open(blob)
            try:
                blocks = [block async for block in reader.blocks(start, min(self._chunk_bytes, size - start))]
            finally:
                await reader.close()
        chunk = b"".join(blocks)
        self._kept[key] = chunk
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return chunk
