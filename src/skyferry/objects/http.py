"""The HTTP face of package files: `/objects` takes forms, `/objects/{key}` gives files to whoever has a signed URL."""

import errno
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import hdrs, web

from skyferry import outages
from skyferry.clock import Clock
from skyferry.errors import UnavailableError
from skyferry.keys import SecretBox
from skyferry.objects import errors, rendering, urls
from skyferry.objects.body import RequestBody
from skyferry.objects.downloads import Downloads
from skyferry.objects.errors import ObjectError
from skyferry.objects.forms import FormReader
from skyferry.objects.interface import ObjectStore
from skyferry.objects.limits import ObjectLimits
from skyferry.objects.uploads import BUCKET, Uploads
from skyferry.objects.urls import DownloadUrls
from skyferry.store.engine import Store

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_log = structlog.get_logger("skyferry.objects")

_Answer = Callable[[web.Request, str], Awaitable[web.StreamResponse]]


def routes(
    store: Store,
    objects: ObjectStore,
    box: SecretBox,
    clock: Clock,
    *,
    public_url: str,
    download_urls: DownloadUrls,
    limits: ObjectLimits,
    downloads: Downloads,
) -> list[web.RouteDef]:
    """The routes for uploads and downloads.

    Args:
        store: the database.
        objects: where the files are.
        box: opens the secrets with which policies are signed.
        clock: decides what has expired.
        public_url: the server's URL as its users know it: what was uploaded is found there.
        download_urls: checks the URLs of downloads.
        limits: limits of uploads.
        downloads: sends files.
    """
    endpoint = _Endpoint(Uploads(store, objects, box, clock, limits), downloads, public_url, download_urls)
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
    downloads: Downloads
    public_url: str
    download_urls: DownloadUrls

    async def upload(self, request: web.Request, request_id: str) -> web.StreamResponse:
        limits = self.uploads.limits
        body = RequestBody(request, limits)
        upload = await self.uploads.receive(FormReader(request.headers.get(hdrs.CONTENT_TYPE, ""), body.read, limits))
        return rendering.stored_response(
            upload.object,
            upload.fields.get("success_action_status"),
            bucket=BUCKET,
            location=urls.object_url(self.public_url, upload.object.key),
            request_id=request_id,
        )

    async def download(self, request: web.Request, request_id: str) -> web.StreamResponse:
        key = request.match_info["key"]
        right = self.download_urls.verify(key, request.query, self.uploads.clock.now_ms())
        if right is None:
            raise errors.access_denied("The signature of this URL is wrong, or the URL has expired.")
        # A URL for no task is an application's or a TUF client's.
        follows = right.task_id is None or self.downloads.serving.devices_follow
        return await self.downloads.send(request, key, task_id=right.task_id, request_id=request_id, follows=follows)


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
        except UnavailableError as error:
            failure = errors.unavailable()
            log.warning("object request not answered", **outages.cause(error))
        except OSError as error:
            failure = errors.no_room() if error.errno in _NO_ROOM else errors.internal_error()
            log.exception("object store failed")
        except Exception:
            failure = errors.internal_error()
            log.exception("object request failed")
        return rendering.error_response(failure, request, request_id)

    return handle
