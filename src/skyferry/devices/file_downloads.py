"""Downloads of package files over MQTT: who may read what, at which pace, how much (device-plane reference §2.9).

Nothing of a download is kept that a restart would lose: a device asks for each block by number and offset, and what it
may read follows from its open tasks. What is kept in memory for a while saves the look-up for every block.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from skyferry import outages
from skyferry.bus.interface import Bus
from skyferry.bus.messages import Downloaded
from skyferry.clock import Clock
from skyferry.devices import file_blocks, metrics
from skyferry.devices.file_blocks import BlockRefusedError, BlockRequest
from skyferry.devices.file_chunks import FileChunks
from skyferry.devices.limits import DownloadLimits
from skyferry.devices.payloads import PayloadError
from skyferry.devices.requests import Request
from skyferry.objects.interface import ObjectStore
from skyferry.ota import streams
from skyferry.ota.streams import Stream
from skyferry.store.engine import Store

log = structlog.get_logger(__name__)

SERVICE: Final = "thing/file/download"
_SENT: Final = metrics.FILE_REQUESTS.labels("sent")
_REFUSED: Final = metrics.FILE_REQUESTS.labels("refused")
_UNREADABLE: Final = metrics.FILE_REQUESTS.labels("unreadable")
_Part = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request
    block: BlockRequest


class _Transfer:
    """What one device downloads."""

    __slots__ = (
        "bytes",
        "checked_at",
        "failures",
        "heard_at",
        "looks",
        "number",
        "reported_at",
        "requests",
        "serving",
        "stream",
        "waiting",
        "whole",
    )

    def __init__(self, now: float) -> None:
        self.waiting: dict[_Part, _Asked] = {}
        self.serving: asyncio.Task[None] | None = None
        self.number = 0
        self.stream: Stream | None = None
        self.checked_at = now
        self.looks = 0
        """Counts what makes a look-up that began before it worthless."""
        self.heard_at = now
        self.reported_at = now
        self.whole = False
        self.bytes = self.requests = self.failures = 0


class FileDownloads:
    """Answers requests for blocks: those of one device one after the other, those of several side by side."""

    def __init__(self, store: Store, objects: ObjectStore, bus: Bus, clock: Clock, limits: DownloadLimits) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._limits = limits
        self._chunks = FileChunks(objects, limits)
        self._on_the_way = asyncio.Semaphore(limits.blocks_at_once)
        self._transfers: dict[int, _Transfer] = {}
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def running(self) -> int:
        """How many devices have asked for a block lately."""
        return len(self._transfers)

    def handle(self, request: Request) -> Awaitable[None] | None:
        """Takes a request for a block; the answer follows when it is the device's turn."""
        try:
            block = file_blocks.read_block_request(request.payload, self._limits)
        except PayloadError as error:
            _UNREADABLE.inc()
            log.debug("block_request_dropped", topic=request.topic[:256], reason=str(error))
            return None
        except BlockRefusedError as error:
            self._refuse(request, error)
            return None
        transfer = self._transfer(request.session.device_id)
        part = (block.stream_id, block.file_id, block.offset, block.size)
        # A device that repeats itself while its block waits is answered once, by the newer id.
        if part not in transfer.waiting and len(transfer.waiting) >= self._limits.requests_waiting:
            busy = BlockRefusedError(
                block.request_id, file_blocks.TOO_MANY_REQUESTS, "Too many blocks are waiting: ask for one at a time."
            )
            self._refuse(request, busy)
            return None
        transfer.waiting[part] = _Asked(request, block)
        if transfer.serving is None:
            transfer.serving = asyncio.create_task(self._serve(transfer))
        return None

    def withdraw(self, device_id: int, task_id: int) -> None:
        """The task has ended, so the device may not read its stream any more."""
        transfer = self._transfers.get(device_id)
        if transfer is not None:
            transfer.looks += 1
            if transfer.stream is not None and transfer.stream.task_id == task_id:
                self._report(transfer)
                transfer.stream = None

    async def stop(self) -> None:
        """Ends all downloads and hands on what they have taken; devices go on where they were when they come back."""
        if self._sweep is not None:
            self._sweep.cancel()
        serving = [transfer.serving for transfer in self._transfers.values() if transfer.serving is not None]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        for transfer in self._transfers.values():
            self._report(transfer)
        self._transfers.clear()
        await self._chunks.close()

    def _transfer(self, device_id: int) -> _Transfer:
        now = asyncio.get_running_loop().time()
        transfer = self._transfers.get(device_id)
        if transfer is None:
            transfer = self._transfers[device_id] = _Transfer(now)
        transfer.heard_at = now
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(self._limits.sweep_s, self._look_around)
        return transfer

    async def _serve(self, transfer: _Transfer) -> None:
        try:
            while transfer.waiting:
                asked = transfer.waiting.pop(next(iter(transfer.waiting)))
                await self._answer(transfer, asked)
        except Exception:  # the device asks again; nobody else must notice
            log.exception("download_failed")
        finally:
            transfer.serving = None

    async def _answer(self, transfer: _Transfer, asked: _Asked) -> None:
        request, block = asked.request, asked.block
        try:
            stream = await self._readable(transfer, request.session.device_id, block)
            await self._until_read(request)
            async with self._on_the_way:
                await self._send(transfer, asked, stream)
                await self._until_read(request, most_s=self._limits.stalled_s)
        except BlockRefusedError as error:
            transfer.failures += transfer.stream is not None
            self._refuse(request, error)
        except (OSError, SQLAlchemyError) as error:
            transfer.failures += transfer.stream is not None
            log.warning("block_not_read", topic=request.topic, **outages.cause(error))
            self._refuse(
                request,
                BlockRefusedError(block.request_id, file_blocks.UNAVAILABLE, "The file cannot be read now: ask again."),
            )

    async def _send(self, transfer: _Transfer, asked: _Asked, stream: Stream) -> None:
        block = asked.block
        count = min(block.size, stream.size - block.offset)
        data = await self._chunks.read(stream.blob, stream.size, block.offset, count)
        asked.request.reply(file_blocks.block_reply(block, stream.size, data))
        transfer.bytes += count
        transfer.whole = block.offset + count == stream.size
        _SENT.inc()
        metrics.FILE_BYTES.inc(count)

    async def _readable(self, transfer: _Transfer, device_id: int, block: BlockRequest) -> Stream:
        """The stream of a request.

        Raises:
            BlockRefusedError: the device may not read it, or there is nothing at this offset.
            sqlalchemy.exc.SQLAlchemyError: the store cannot be asked.
        """
        stream = await self._stream(transfer, device_id, block)
        transfer.requests += 1
        if stream is None or block.file_id != streams.FILE_ID:
            raise BlockRefusedError(
                block.request_id, file_blocks.UNKNOWN_STREAM, "The device has no open update with this stream."
            )
        if block.offset >= stream.size:
            raise BlockRefusedError(
                block.request_id, file_blocks.REFUSED_REQUEST, f"The file ends before offset {block.offset}."
            )
        return stream

    async def _stream(self, transfer: _Transfer, device_id: int, block: BlockRequest) -> Stream | None:
        """What the device may read, from memory where that is fresh; the beginning of a file is looked up always."""
        now = asyncio.get_running_loop().time()
        fresh = now - transfer.checked_at < self._limits.recheck_s
        if transfer.stream is not None and transfer.number == block.stream_id and fresh and block.offset:
            return transfer.stream
        while True:
            looks = transfer.looks
            found = await self._store.read(streams.find, device_id, block.stream_id)
            if looks == transfer.looks:
                break
        if transfer.stream is not None and found != transfer.stream:
            self._report(transfer)
        transfer.number, transfer.stream, transfer.checked_at = block.stream_id, found, now
        return found

    async def _until_read(self, request: Request, most_s: float | None = None) -> None:
        """Waits until the device has taken most of what it was sent, or for so many seconds."""
        loop = asyncio.get_running_loop()
        end = None if most_s is None else loop.time() + most_s
        pause = self._limits.pace_s
        while request.session.unread > self._limits.unread_bytes and (end is None or loop.time() < end):
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._limits.slowest_pace_s)

    def _refuse(self, request: Request, error: BlockRefusedError) -> None:
        _REFUSED.inc()
        log.debug("block_refused", topic=request.topic[:256], code=error.code, reason=str(error))
        request.reply(file_blocks.refusal(error.request_id, error.code, str(error)))

    def _look_around(self) -> None:
        """Reports downloads that ended or have run for a while, and forgets those that are idle."""
        limits, now = self._limits, asyncio.get_running_loop().time()
        for device_id, transfer in list(self._transfers.items()):
            idle = transfer.serving is None and now - transfer.heard_at >= limits.idle_s
            if idle or transfer.whole or now - transfer.reported_at >= limits.report_s:
                self._report(transfer)
                transfer.reported_at = now
            if idle:
                del self._transfers[device_id]
        self._sweep = None
        if self._transfers:
            self._sweep = asyncio.get_running_loop().call_later(limits.sweep_s, self._look_around)

    def _report(self, transfer: _Transfer) -> None:
        """Hands on what was sent since the last time."""
        if transfer.stream is not None and transfer.requests:
            task_id, now = transfer.stream.task_id, self._clock.now_ms()
            self._bus.downloaded(Downloaded(task_id, transfer.bytes, transfer.requests, transfer.failures, now))
        transfer.bytes = transfer.requests = transfer.failures = 0
        transfer.whole = False
