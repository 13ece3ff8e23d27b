"""Answers that break real firmware, byte for byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from skyferry.simulator.strict_http import (
    ChunkedError,
    EncodedError,
    HeaderCaseError,
    HeaderTooLongError,
    LengthMissingError,
    StatusLineError,
    StrictSource,
)
from skyferry.simulator.transfer import ConnectionBrokenError, ResponseRefusedError


@asynccontextmanager
async def server(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers every request with these bytes and hangs up; gives its address and the requests it saw."""
    requests: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", requests


async def fetch(answer: bytes, offset: int = 0) -> bytes:
    async with server(answer) as (url, _), StrictSource().open(f"{url}/f?a=b", offset) as body:
        return await body.read(body.length)


async def test_good_answer() -> None:
    assert await fetch(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: x\r\n\r\nabc") == b"abc"


async def test_request_is_that_of_the_c_sdk() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with server(answer) as (url, requests), StrictSource().open(f"{url}/f?a=b", 0):
        pass
    lines = requests[0].decode().split("\r\n")
    assert lines[0] == "GET /f?a=b HTTP/1.1"
    assert {f"Host: {url.removeprefix('http://')}", "Range: bytes=0-", "Content-Length: 0"} <= set(lines)


@pytest.mark.parametrize(
    ("head", "error"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 3", HeaderCaseError),
        (b"HTTP/1.1 200 OK\r\nContent-length: 3", HeaderCaseError),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3", StatusLineError),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 3", StatusLineError),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3", StatusLineError),
        (b"garbage", StatusLineError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", ChunkedError),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3", EncodedError),
        (b"HTTP/1.1 200 OK", LengthMissingError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x", LengthMissingError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 123 + b"\r\nContent-Length: 3", HeaderTooLongError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\nContent-Length: 3", HeaderTooLongError),
        (b"HTTP/1.1 206 Partial Content\r\nContent-Length: 3", ResponseRefusedError),
        (
            b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-3/4\r\nContent-Length: 3",
            ResponseRefusedError,
        ),
    ],
)
async def test_answers_that_break_real_firmware(head: bytes, error: type[ResponseRefusedError]) -> None:
    with pytest.raises(ResponseRefusedError) as refused:
        await fetch(head + b"\r\n\r\nabc")
    assert type(refused.value) is error


async def test_longest_header_line_that_fits() -> None:
    line = b"X: " + b"a" * 122
    assert len(line + b"\r\n") == 127
    assert await fetch(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + line + b"\r\n\r\nabc") == b"abc"


async def test_requested_range() -> None:
    answer = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 7-9/10\r\nContent-Length: 3\r\n\r\nabc"
    assert await fetch(answer, offset=7) == b"abc"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_server_hangs_up_in_the_head(answer: bytes) -> None:
    with pytest.raises(ConnectionBrokenError):
        await fetch(answer)
