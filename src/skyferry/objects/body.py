"""A request's body, piece by piece, checked as a whole."""

import asyncio
import hashlib
from base64 import b64encode

from aiohttp import hdrs, web

from skyferry import http_bodies
from skyferry.objects.errors import entity_too_large, incomplete_body, invalid_digest, request_timeout
from skyferry.objects.limits import ObjectLimits


class RequestBody:
    """Reads a request's body; the digest that the client may have sent with it is checked at its end."""

    def __init__(self, request: web.Request, limits: ObjectLimits) -> None:
        """Reads nothing yet.

        Raises:
            ObjectError: `EntityTooLarge`, by the request's own word.
        """
        self._content = request.content
        self._limits = limits
        self._given = request.headers.get(hdrs.CONTENT_MD5)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0
        self._check_size(request.content_length or 0)

    async def read(self) -> bytes:
        """The next piece, of any size; empty at the end.

        Raises:
            ObjectError: `RequestTimeout`, `IncompleteBody`, `EntityTooLarge` or, at the end, `InvalidDigest`.
        """
        try:
            async with asyncio.timeout(self._limits.stall_seconds):
                piece = await self._content.readany()
        except TimeoutError:
            raise request_timeout() from None
        except http_bodies.BROKEN:
            raise incomplete_body() from None
        self._size += len(piece)
        self._check_size(self._size)
        if self._given is not None:
            await self._check_digest(self._given, piece)
        return piece

    def _check_size(self, size: int) -> None:
        if size > self._limits.most_body_bytes:
            raise entity_too_large(self._limits.most_body_bytes)

    async def _check_digest(self, given: str, piece: bytes) -> None:
        if piece:
            await asyncio.to_thread(self._md5.update, piece)
        elif b64encode(self._md5.digest()).decode() != given.strip():
            raise invalid_digest()
