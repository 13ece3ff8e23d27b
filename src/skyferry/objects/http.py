"""The HTTP face of package files: `/objects` takes forms, `/objects/{key}` gives files to whoever has a signed URL."""

import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import hdrs, web

from skyferry.clock import Clock
from skyferry.keys import SecretBox
from skyferry.objects import errors, keys, rendering, sending, urls
from skyferry.objects.body import RequestBody
from skyferry.objects.errors import ObjectError
from skyferry.objects.forms import FormReader
from skyferry.objects.interface import ObjectReader, ObjectStore
from skyferry.objects.limits import ObjectLimits
from skyferry.objects.sending import Part
from skyferry.objects.uploads import BUCKET, Uploads
from skyferry.objects.urls import DownloadUrls
from skyferry.store import objects as statements
from skyferry.store.engine import Store
from skyferry.store.objects import StoredObject

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_log = structlog.get_logger("skyferry.objects")

_Answer = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


def routes(
    store: Store,
    objects: ObjectStore,
    box: SecretBox,
    clock: Clock,
    *,
    download_urls: DownloadUrls,
    limits: ObjectLimits,
) -> list[web.RouteDef]:
    """The routes for uploads and downloads.

    Args:
        store: the database.
        objects: where the files are.
        box: opens the secrets with which policies are signed.
        clock: decides what has expired.
        download_urls: checks the URLs of downloads.
        limits: limits of uploads.
    """
    endpoint = _Endpoint(Uploads(store, objects, box, clock, limits), download_urls)
    upload = _answering(endpoint.upload)
    download = _answering(endpoint.download)
    return [
        web.post(urls.UPLOAD_PATH, upload),
        web.post(f"{urls.UPLOAD_PATH}/", upload),
        web.get(f"{urls.UPLOAD_PATH}/{{key:.+}}", download),
    ]


@dataclass(frozen=True, slots=True)
class _Endpoint:
    uploads: Uploads
    download_urls: DownloadUrls

    async def upload(self, request: web.Request, request_id: str) -> web.StreamResponse:
        limits = self.uploads.limits
        body = RequestBody(request, limits)
        upload = await self.uploads.receive(FormReader(request.headers.get(hdrs.CONTENT_TYPE, ""), body.read, limits))
        return rendering.stored_response(
            upload.object,
            upload.fields.get("success_action_status"),
            bucket=BUCKET,
            location=urls.object_url(self.download_urls.base_url, upload.object.key),
            request_id=request_id,
        )

    async def download(self, request: web.Request, request_id: str) -> web.StreamResponse:
        item = await self._item(request)
        etag = rendering.etag_of(item)
        asked = sending.requested_range(request, item.size, etag)
        part = asked or Part(0, item.size)
        headers = {
            **rendering.common_headers(request_id),
            hdrs.CONTENT_TYPE: "application/octet-stream",
            hdrs.ACCEPT_RANGES: "bytes",
            "ETag": etag,
        }
        if asked is not None:
            headers[hdrs.CONTENT_RANGE] = f"bytes {part.start}-{part.start + part.count - 1}/{item.size}"
        response = web.StreamResponse(status=200 if asked is None else 206, headers=headers)
        response.content_length = part.count
        reader = await self._opened(item)
        try:
            if request.method == hdrs.METH_GET:
                stall_seconds = self.uploads.limits.stall_seconds
                await sending.send(request, response, reader, part, stall_seconds=stall_seconds)
        except ConnectionError as error:
            _log.info("download broken", request_id=request_id, reason=str(error), cause=error.__cause__)
        finally:
            await reader.close()
        return response

    async def _item(self, request: web.Request) -> StoredObject:
        key = request.match_info["key"]
        if not self.download_urls.verify(key, request.query, self.uploads.clock.now_ms()):
            raise errors.access_denied("The signature of this URL is wrong, or the URL has expired.")
        item = await self.uploads.store.read(statements.find_object_of_url, key) if keys.prefix_of(key) else None
        if item is None:
            raise errors.no_such_key(key)
        return item

    async def _opened(self, item: StoredObject) -> ObjectReader:
        try:
            reader = await self.uploads.objects.open(item.blob)
        except FileNotFoundError:
            _log.exception("object file missing", key=item.key)
            raise errors.no_such_key(item.key) from None
        if reader.size != item.size:
            await reader.close()
            raise OSError(f"The file of {item.key} has {reader.size} bytes instead of {item.size}.")
        return reader


def _answering(answer: _Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Turns whatever goes wrong into XML."""

    async def handle(request: web.Request) -> web.StreamResponse:
        request_id = rendering.new_request_id()
        log = _log.bind(request_id=request_id, method=request.method, path=request.path[:256])
        try:
            return await answer(request, request_id)
        except ObjectError as error:
            failure = error
            log.info("object request refused", code=error.code, status=error.status)
        except OSError as error:
            failure = errors.no_room() if error.errno in _NO_ROOM else errors.internal_error()
            log.exception("object store failed")
        except Exception:
            failure = errors.internal_error()
            log.exception("object request failed")
        return rendering.error_response(failure, request, request_id)

    return handle
