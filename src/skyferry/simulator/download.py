"""Downloads a file as a device does: from byte 0 with Range, onwards at the received offset after a break."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from yarl import URL

from skyferry.simulator.transfer import (
    Body,
    ConnectionBrokenError,
    DigestMismatchError,
    FileSpec,
    ResponseRefusedError,
    SizeMismatchError,
    Source,
)

_MAX_CHUNK = 64 * 1024
_MIN_CHUNK = 512
_CHUNKS_PER_SECOND = 8
_STALL_SECONDS = 60
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(?:\d+|\*)")


@dataclass(frozen=True, slots=True)
class Link:
    """The quality of a device's way to the file server.

    Attributes:
        bytes_per_second: the speed; None is as fast as it goes.
        max_fruitless: give up after so many connections in a row that brought no byte.
        resume_seconds: the pause before the next connection.
    """

    bytes_per_second: float | None = None
    max_fruitless: int = 4
    resume_seconds: float = 0.1


_PERFECT_LINK = Link()


class ClientSource:
    """Fetches with aiohttp, which takes every correct HTTP answer (as the Python and Node SDKs do)."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @asynccontextmanager
    async def open(self, url: str, offset: int) -> AsyncIterator[Body]:
        """Requests the bytes from an offset to the end; see `Source.open`."""
        try:
            async with self._session.get(
                URL(url, encoded=True), headers={"Range": f"bytes={offset}-"}, allow_redirects=False
            ) as response:
                check_status(response.status, offset, response.headers.get("Content-Range"))
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise ResponseRefusedError(f"The body is encoded as {response.headers['Content-Encoding']}.")
                if response.content_length is None:
                    raise ResponseRefusedError("The answer has no Content-Length.")
                yield Body(response.content_length, response.content.read)
        except (aiohttp.InvalidURL, aiohttp.ClientResponseError) as error:
            raise ResponseRefusedError(f"The answer is not HTTP: {error}.") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ConnectionBrokenError(f"The connection broke: {error!r}.") from error


def client_session() -> aiohttp.ClientSession:
    """A session for `ClientSource`: no decoding, no overall time limit, as many connections as the caller allows."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_STALL_SECONDS, sock_read=_STALL_SECONDS),
        auto_decompress=False,
        skip_auto_headers=("Accept-Encoding",),
    )


def check_status(status: int, offset: int, content_range: str | None) -> None:
    """Refuses what is not the answer to `Range: bytes=<offset>-`.

    A server that ignores Range (200) is good enough for the first request only (device-plane reference §2.8).

    Raises:
        ResponseRefusedError: another status, or another range than the requested one.
    """
    if status == HTTPStatus.OK and offset == 0:
        return
    if status != HTTPStatus.PARTIAL_CONTENT:
        raise ResponseRefusedError(f"The server answered {status} to a request for the bytes from {offset}.")
    match = _CONTENT_RANGE.fullmatch(content_range or "")
    if match is None or int(match[1]) != offset:
        raise ResponseRefusedError(f"Asked for the bytes from {offset}, got Content-Range {content_range!r}.")


async def download(
    source: Source,
    file: FileSpec,
    *,
    link: Link = _PERFECT_LINK,
    break_at: int | None = None,
    sink: Callable[[bytes], object] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> int:
    """Downloads a file and checks it against its size and digests.

    Args:
        source: how to fetch.
        file: what to fetch.
        link: speed and patience.
        break_at: drop the connection once when so many bytes have arrived.
        sink: takes the bytes in order; without it they are thrown away.
        on_progress: called with the number of bytes that have arrived, after each piece.

    Returns:
        The number of times the download was resumed.

    Raises:
        ConnectionBrokenError: too many connections brought nothing.
        ResponseRefusedError: the server's answer is not one that a device takes.
        SizeMismatchError: the body is not as long as the push said.
        DigestMismatchError: the bytes are not the package's.
    """
    arrival = _Arrival(file, sink, on_progress)
    pace = _Pace(link.bytes_per_second)
    resumes = fruitless = 0
    while True:
        before = arrival.received
        try:
            await _receive(source, arrival, pace, break_at if break_at is not None and before < break_at else None)
            break
        except ConnectionBrokenError:
            fruitless = fruitless + 1 if arrival.received == before else 0
            if fruitless >= link.max_fruitless:
                raise
            resumes += 1
            await asyncio.sleep(link.resume_seconds)
    arrival.check()
    return resumes


async def _receive(source: Source, arrival: "_Arrival", pace: "_Pace", break_at: int | None) -> None:
    """Receives what is missing over one connection, or as much as the connection gives."""
    async with source.open(arrival.file.url, arrival.received) as body:
        if body.length != arrival.missing:
            raise SizeMismatchError(f"Content-Length is {body.length}, {arrival.missing} bytes are missing.")
        while arrival.missing:
            wanted = arrival.missing if break_at is None else break_at - arrival.received
            piece = await body.read(min(pace.chunk, wanted))
            if not piece:
                raise ConnectionBrokenError(f"The connection ended {arrival.missing} bytes early.")
            arrival.take(piece)
            if arrival.received == break_at:
                raise ConnectionBrokenError("The device dropped the connection on purpose.")
            await pace.wait(len(piece))


class _Arrival:
    """What has arrived of a file."""

    def __init__(
        self, file: FileSpec, sink: Callable[[bytes], object] | None, on_progress: Callable[[int], None] | None
    ) -> None:
        self.file = file
        self.received = 0
        self._sink = sink
        self._on_progress = on_progress
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256() if file.sign_method == "SHA256" else None

    @property
    def missing(self) -> int:
        return self.file.size - self.received

    def take(self, piece: bytes) -> None:
        self._md5.update(piece)
        if self._sha256 is not None:
            self._sha256.update(piece)
        if self._sink is not None:
            self._sink(piece)
        self.received += len(piece)
        if self._on_progress is not None:
            self._on_progress(self.received)

    def check(self) -> None:
        found = {"md5": self._md5.hexdigest(), self.file.sign_method: (self._sha256 or self._md5).hexdigest()}
        for name, expected in (("md5", self.file.md5), (self.file.sign_method, self.file.sign)):
            if found[name] != expected:
                raise DigestMismatchError(f"The {name} digest is {found[name]}, the push said {expected}.")


class _Pace:
    """Slows a reader down to a speed."""

    def __init__(self, bytes_per_second: float | None) -> None:
        self._speed = bytes_per_second
        self._due = asyncio.get_running_loop().time()
        self.chunk = _MAX_CHUNK
        if bytes_per_second is not None:
            self.chunk = max(_MIN_CHUNK, min(_MAX_CHUNK, int(bytes_per_second / _CHUNKS_PER_SECOND)))

    async def wait(self, size: int) -> None:
        if self._speed is None:
            return
        now = asyncio.get_running_loop().time()
        self._due = max(self._due + size / self._speed, now - 1)
        if self._due > now:
            await asyncio.sleep(self._due - now)
