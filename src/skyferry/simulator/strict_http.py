"""Reads HTTP as the C SDKs do, with all their limits, so that tests notice what would fail in the field.

Source: device-plane reference §2.8. A status line of HTTP/1.1, header lines of less than 128 bytes, a body length in a
header spelt exactly `Content-Length`, no chunks, no content coding.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import urlsplit

from skyferry.simulator.download import check_status
from skyferry.simulator.transfer import Body, ConnectionBrokenError, ResponseRefusedError

_MAX_LINE_BYTES = 128
_STALL_SECONDS = 60
_DEFAULT_PORTS = {"http": 80, "https": 443}
_STATUS_DIGITS = 3


class StrictHttpError(ResponseRefusedError):
    """The answer is HTTP, but none that a C SDK can read."""


class StatusLineError(StrictHttpError):
    """The status line is not `HTTP/1.1 200` or `HTTP/1.1 206`."""


class HeaderTooLongError(StrictHttpError):
    """A line of the head does not fit into the device's buffer."""


class HeaderCaseError(StrictHttpError):
    """The length of the body stands in a header that is not spelt `Content-Length`."""


class LengthMissingError(StrictHttpError):
    """No header tells the length of the body."""


class ChunkedError(StrictHttpError):
    """The body comes in chunks."""


class EncodedError(StrictHttpError):
    """The body has a content coding."""


class StrictSource:
    """Fetches over a connection of its own for each request."""

    @asynccontextmanager
    async def open(self, url: str, offset: int) -> AsyncIterator[Body]:
        """Requests the bytes from an offset to the end; see `Source.open`.

        Raises:
            StrictHttpError: a C SDK could not read the answer.
            ConnectionBrokenError: no connection, or it broke.
            ResponseRefusedError: the answer is to another request.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
        try:
            async with asyncio.timeout(_STALL_SECONDS):
                reader, writer = await asyncio.open_connection(host, port, ssl=parts.scheme == "https" or None)
        except (OSError, TimeoutError) as error:
            raise ConnectionBrokenError(f"No connection to {host}:{port}: {error!r}.") from error
        try:
            writer.write(_request(url, offset))
            length = await _read_head(reader, offset)
            yield Body(length, _patient(reader))
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise ConnectionBrokenError(f"The connection broke: {error!r}.") from error
        finally:
            writer.transport.abort()


class _Head:
    """The header lines that a device looks at."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.length: int | None = None
        self.content_range: str | None = None

    def take(self, line: str) -> None:
        """Reads one header line."""
        name, _, value = line.partition(":")
        value = value.strip()
        match name.lower():
            case "content-length" if name != "Content-Length":
                raise HeaderCaseError(f"The header is spelt {name!r}, a C SDK looks for 'Content-Length'.")
            case "content-length":
                if not value.isdecimal():
                    raise LengthMissingError(f"Content-Length is {value!r}.")
                self.length = int(value)
            case "content-range":
                self.content_range = value
            case "transfer-encoding":
                raise ChunkedError(f"Transfer-Encoding is {value!r}.")
            case "content-encoding":
                raise EncodedError(f"Content-Encoding is {value!r}.")


def _request(url: str, offset: int) -> bytes:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Accept: text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8",
        f"Range: bytes={offset}-",
        "Content-Length: 0",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


async def _read_head(reader: asyncio.StreamReader, offset: int) -> int:
    """Reads up to the empty line and returns the length of the body."""
    async with asyncio.timeout(_STALL_SECONDS):
        status_line = await _read_line(reader)
        version, _, rest = status_line.partition(" ")
        status = rest[:_STATUS_DIGITS]
        if version != "HTTP/1.1" or not status.isdecimal():
            raise StatusLineError(f"The status line is {status_line!r}.")
        if int(status) not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise StatusLineError(f"The server answered {status_line!r} to a request for the bytes from {offset}.")
        head = _Head(int(status))
        while line := await _read_line(reader):
            head.take(line)
    check_status(head.status, offset, head.content_range)
    if head.length is None:
        raise LengthMissingError("No header Content-Length.")
    return head.length


async def _read_line(reader: asyncio.StreamReader) -> str:
    try:
        line = await reader.readuntil(b"\r\n")
    except asyncio.LimitOverrunError:
        raise HeaderTooLongError("A header line never ends.") from None
    if len(line) >= _MAX_LINE_BYTES:
        raise HeaderTooLongError(f"A header line has {len(line)} bytes: {line[:40]!r}…")
    return line[:-2].decode("latin-1")


def _patient(reader: asyncio.StreamReader) -> Callable[[int], Awaitable[bytes]]:
    async def read(size: int) -> bytes:
        async with asyncio.timeout(_STALL_SECONDS):
            return await reader.read(size)

    return read
