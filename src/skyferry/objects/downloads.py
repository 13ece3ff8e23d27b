"""Giving out a file to whoever may have it: the download waits for its turn, then it is sent and counted."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from aiohttp import hdrs, web

from skyferry.objects import errors, keys, metrics, rendering, sending
from skyferry.objects.errors import ObjectError
from skyferry.objects.gate import Gate
from skyferry.objects.interface import ObjectReader, ObjectStore
from skyferry.objects.sending import Part
from skyferry.store import objects as statements
from skyferry.store.engine import Store
from skyferry.store.objects import StoredObject

_log = structlog.get_logger("skyferry.objects")


@dataclass(frozen=True, slots=True)
class Served:
    """A request for a file of a task, when it is over.

    Attributes:
        task_id: the row of the task.
        sent: how many bytes of the file were sent.
        complete: these were all bytes that were asked for.
    """

    task_id: int
    sent: int
    complete: bool


def _nobody(_served: Served) -> None:
    """Nobody counts."""


def _peer(request: web.Request) -> str:
    return request.remote or ""


@dataclass(frozen=True, slots=True)
class Serving:
    """How downloads are served.

    Attributes:
        gate: how many at once, and how fast.
        told: hears of what was downloaded for tasks.
        address_of: the IP address that a request comes from.
    """

    gate: Gate
    told: Callable[[Served], None] = _nobody
    address_of: Callable[[web.Request], str] = _peer


@dataclass(frozen=True, slots=True)
class Downloads:
    """The use case.

    Attributes:
        store: the database.
        objects: where the files are.
        serving: limits, and who counts.
        stall_seconds: how long a client may take nothing.
    """

    store: Store
    objects: ObjectStore
    serving: Serving
    stall_seconds: float

    async def send(self, request: web.Request, key: str, *, task_id: int | None, request_id: str) -> web.StreamResponse:
        """Answers GET or HEAD of an object that the caller may have.

        Args:
            request: the request.
            key: the object.
            task_id: the row of the task that it is counted for.
            request_id: goes into the answer's headers.

        Raises:
            ObjectError: the request is refused.
            OSError: the object cannot be opened.
        """
        try:
            return await self._send(request, key, task_id, request_id)
        except (ObjectError, OSError):
            metrics.DOWNLOADS.labels("refused").inc()
            if task_id is not None:
                self.serving.told(Served(task_id, 0, complete=False))
            raise

    async def _send(self, request: web.Request, key: str, task_id: int | None, request_id: str) -> web.StreamResponse:
        item = await self.store.read(statements.find_object_of_url, key) if keys.prefix_of(key) else None
        if item is None:
            raise errors.no_such_key(key)
        etag = rendering.etag_of(item)
        asked = sending.requested_range(request, item.size, etag)
        part = asked or Part(0, item.size)
        response = web.StreamResponse(status=200 if asked is None else 206, headers=_headers(request_id, etag))
        if asked is not None:
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.start + part.count - 1}/{item.size}"
        response.content_length = part.count
        if request.method != hdrs.METH_GET:
            await (await self._opened(item)).close()
            return response
        async with self.serving.gate.passage(self.serving.address_of(request)) as passage:
            reader = await self._opened(item)
            complete = False
            try:
                await sending.send(request, response, reader, part, passage, stall_seconds=self.stall_seconds)
                complete = True
            except ConnectionError as error:
                _log.info("download broken", request_id=request_id, reason=str(error), cause=error.__cause__)
            finally:
                await reader.close()
                metrics.DOWNLOADS.labels("complete" if complete else "broken").inc()
                metrics.BYTES.inc(passage.sent)
                if task_id is not None:
                    self.serving.told(Served(task_id, passage.sent, complete))
        return response

    async def _opened(self, item: StoredObject) -> ObjectReader:
        try:
            reader = await self.objects.open(item.blob)
        except FileNotFoundError:
            _log.exception("object file missing", key=item.key)
            raise errors.no_such_key(item.key) from None
        if reader.size != item.size:
            await reader.close()
            raise OSError(f"The file of {item.key} has {reader.size} bytes instead of {item.size}.")
        return reader


def _headers(request_id: str, etag: str) -> dict[str, str]:
    return {
        **rendering.common_headers(request_id),
        hdrs.CONTENT_TYPE: "application/octet-stream",
        hdrs.ACCEPT_RANGES: "bytes",
        "ETag": etag,
    }
