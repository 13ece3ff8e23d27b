"""Giving out a file to whoever may have it: the download waits for its turn, then it is sent and counted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import hdrs, web

from skyferry.objects import errors, keys, metrics, rendering, sending
from skyferry.objects.errors import ObjectError
from skyferry.objects.gate import Gate
from skyferry.objects.interface import ObjectReader, ObjectStore
from skyferry.objects.recent import RecentObjects
from skyferry.objects.sending import Part
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
        elsewhere: the URL at which a blob is to be had from someone else; None when this server sends all bytes.
        devices_follow: devices that come with the URL of a notice follow redirects (C SDKs do not).
    """

    gate: Gate
    told: Callable[[Served], None] = _nobody
    address_of: Callable[[web.Request], str] = _peer
    elsewhere: Callable[[str], Awaitable[str]] | None = None
    devices_follow: bool = False


@dataclass(frozen=True, slots=True)
class Downloads:
    """The use case.

    Attributes:
        recent: looks objects up.
        objects: where the files are.
        serving: limits, and who counts.
        stall_seconds: how long a client may take nothing.
    """

    recent: RecentObjects
    objects: ObjectStore
    serving: Serving
    stall_seconds: float

    async def send(
        self, request: web.Request, key: str, *, task_id: int | None, request_id: str, follows: bool
    ) -> web.StreamResponse:
        """Answers GET or HEAD of an object that the caller may have.

        Args:
            request: the request.
            key: the object.
            task_id: the row of the task that it is counted for.
            request_id: goes into the answer's headers.
            follows: the caller follows redirects, and may be sent elsewhere for the bytes.

        Raises:
            ObjectError: the request is refused.
            OSError: the object cannot be opened.
        """
        try:
            item = await self._find(key, task_id) if keys.prefix_of(key) else None
            if item is None:
                raise errors.no_such_key(key)
            if follows and self.serving.elsewhere is not None and request.method == hdrs.METH_GET:
                location = await self.serving.elsewhere(item.blob)
                return self._redirect(location, task_id, request_id)
            return await self._send(request, item, task_id, request_id)
        except (ObjectError, OSError):
            metrics.DOWNLOADS.labels("refused").inc()
            if task_id is not None:
                self.serving.told(Served(task_id, 0, complete=False))
            raise

    async def _find(self, key: str, task_id: int | None) -> StoredObject | None:
        """The object; that of a task is a package's and stays as it is, of others only the database knows."""
        return await (self.recent.look_up(key) if task_id is None else self.recent.find(key))

    def _redirect(self, location: str, task_id: int | None, request_id: str) -> web.Response:
        """Whoever sends the bytes, the request is counted here."""
        metrics.DOWNLOADS.labels("redirected").inc()
        if task_id is not None:
            self.serving.told(Served(task_id, 0, complete=True))
        headers = {
            **rendering.common_headers(request_id),
            hdrs.LOCATION: location,
            hdrs.CACHE_CONTROL: "no-store",
        }
        return web.Response(status=302, headers=headers)

    async def _send(
        self, request: web.Request, item: StoredObject, task_id: int | None, request_id: str
    ) -> web.StreamResponse:
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
            if await self.recent.look_up(item.key) is not None:
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
