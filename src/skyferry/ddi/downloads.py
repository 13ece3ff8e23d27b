"""Gives a device a file of its package."""

from dataclasses import dataclass

import structlog
from aiohttp import hdrs, web

from skyferry.ddi import errors
from skyferry.objects import rendering, sending
from skyferry.objects.errors import ObjectError
from skyferry.objects.interface import ObjectStore
from skyferry.objects.sending import Part
from skyferry.store import objects as statements
from skyferry.store.engine import Store

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FileSender:
    """Sends files, whole or in part."""

    store: Store
    objects: ObjectStore
    stall_seconds: float

    async def send(self, request: web.Request, key: str, task_id: int) -> web.StreamResponse:
        """Answers a request with an object.

        Raises:
            DdiError: there is no such object.
        """
        item = await self.store.read(statements.find_object_of_url, key)
        if item is None:
            raise errors.not_found("The file is gone.")
        etag = rendering.etag_of(item)
        try:
            asked = sending.requested_range(request, item.size, etag)
        except ObjectError as error:
            return rendering.error_response(error, request, rendering.new_request_id())
        part = asked or Part(0, item.size)
        headers = {hdrs.CONTENT_TYPE: "application/octet-stream", hdrs.ACCEPT_RANGES: "bytes", "ETag": etag}
        if asked is not None:
            headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.start + part.count - 1}/{item.size}"
        response = web.StreamResponse(status=200 if asked is None else 206, headers=headers)
        response.content_length = part.count
        reader = await self.objects.open(item.blob)
        try:
            if request.method == hdrs.METH_GET:
                await sending.send(request, response, reader, part, stall_seconds=self.stall_seconds)
        except ConnectionError as error:
            _log.info("download broken", task_id=task_id, reason=str(error), cause=error.__cause__)
        finally:
            await reader.close()
        return response
