"""Downloads with both readers of HTTP, from a real server that also misbehaves."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from skyferry.simulator.download import ClientSource, Link, client_session, download
from skyferry.simulator.strict_http import ChunkedError, StrictSource
from skyferry.simulator.transfer import (
    ConnectionBrokenError,
    DigestMismatchError,
    FileSpec,
    ResponseRefusedError,
    SizeMismatchError,
    Source,
)

CONTENT = bytes(range(256)) * 1_024
QUICK = Link(resume_seconds=0)


class FileServer:
    """Serves one file; `ranges` are the Range headers it saw."""

    def __init__(self) -> None:
        self.ranges: list[str] = []
        self.targets: list[str] = []
        self.drop_after: list[int] = []
        self.ignores_range = False
        self.server: TestServer

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.ranges.append(request.headers["Range"])
        self.targets.append(request.raw_path)
        offset = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        rest = CONTENT if self.ignores_range else CONTENT[offset:]
        headers = {"Content-Length": str(len(rest))}
        if not self.ignores_range:
            headers["Content-Range"] = f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}"
        response = web.StreamResponse(status=200 if self.ignores_range else 206, headers=headers)
        await response.prepare(request)
        if self.drop_after:
            await response.write(rest[: self.drop_after.pop(0)])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(rest)
        return response

    def file(self, path: str = "/file") -> FileSpec:
        md5, sha256 = hashlib.md5(CONTENT).hexdigest(), hashlib.sha256(CONTENT).hexdigest()
        return FileSpec(f"http://127.0.0.1:{self.server.port}{path}", len(CONTENT), md5, sha256, "SHA256")


async def chunked(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(CONTENT)
    return response


async def redirected(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/file")


async def zipped(request: web.Request) -> web.StreamResponse:
    return web.Response(body=CONTENT, headers={"Content-Encoding": "gzip"})


@pytest.fixture
async def files() -> AsyncIterator[FileServer]:
    files = FileServer()
    app = web.Application()
    app.router.add_get("/file", files.serve)
    app.router.add_get("/chunked", chunked)
    app.router.add_get("/redirected", redirected)
    app.router.add_get("/zipped", zipped)
    files.server = TestServer(app)
    async with files.server:
        yield files


@pytest.fixture(params=["client", "strict"])
async def source(request: pytest.FixtureRequest) -> AsyncIterator[Source]:
    async with client_session() as session:
        yield ClientSource(session) if request.param == "client" else StrictSource()


async def test_whole_file(files: FileServer, source: Source) -> None:
    received = bytearray()
    seen: list[int] = []
    resumes = await download(source, files.file(), sink=received.extend, on_progress=seen.append)
    assert (bytes(received), resumes, files.ranges) == (CONTENT, 0, ["bytes=0-"])
    assert seen == sorted(seen)
    assert seen[-1] == len(CONTENT)


async def test_url_is_requested_as_written(files: FileServer, source: Source) -> None:
    await download(source, files.file("/file?Signature=a%2Bb%3D&Expires=1&x=%2f~"))
    assert files.targets == ["/file?Signature=a%2Bb%3D&Expires=1&x=%2f~"]


async def test_resumes_where_the_server_dropped_it(files: FileServer, source: Source) -> None:
    files.drop_after = [1_000, 100_000]
    received = bytearray()
    resumes = await download(source, files.file(), link=QUICK, sink=received.extend)
    assert (bytes(received), resumes) == (CONTENT, 2)
    assert files.ranges == ["bytes=0-", "bytes=1000-", "bytes=101000-"]


async def test_resumes_where_the_device_dropped_it(files: FileServer, source: Source) -> None:
    received = bytearray()
    resumes = await download(source, files.file(), link=QUICK, break_at=5_000, sink=received.extend)
    assert (bytes(received), resumes, files.ranges) == (CONTENT, 1, ["bytes=0-", "bytes=5000-"])


async def test_gives_up_when_nothing_comes(files: FileServer, source: Source) -> None:
    files.drop_after = [10, *[0] * 10]
    with pytest.raises(ConnectionBrokenError):
        await download(source, files.file(), link=replace(QUICK, max_fruitless=3))
    assert files.ranges == ["bytes=0-", *["bytes=10-"] * 3]


async def test_server_without_range_serves_only_from_the_start(files: FileServer, source: Source) -> None:
    files.ignores_range = True
    await download(source, files.file())
    with pytest.raises(ResponseRefusedError, match="answered 200"):
        await download(source, files.file(), link=QUICK, break_at=5_000)


@pytest.mark.parametrize("changes", [{"md5": "0" * 32}, {"sign": "0" * 64}])
async def test_wrong_digest(files: FileServer, source: Source, changes: dict[str, Any]) -> None:
    with pytest.raises(DigestMismatchError):
        await download(source, replace(files.file(), **changes))


async def test_wrong_size(files: FileServer, source: Source) -> None:
    with pytest.raises(SizeMismatchError, match="Content-Length is 262144, 262143 bytes are missing"):
        await download(source, replace(files.file(), size=len(CONTENT) - 1))


@pytest.mark.parametrize("path", ["/redirected", "/zipped", "/missing", "/chunked"])
async def test_answers_that_no_device_takes(files: FileServer, source: Source, path: str) -> None:
    with pytest.raises(ResponseRefusedError):
        await download(source, files.file(path))


async def test_strict_reader_names_the_chunks(files: FileServer) -> None:
    with pytest.raises(ChunkedError):
        await download(StrictSource(), files.file("/chunked"))


async def test_nobody_listens(files: FileServer, source: Source) -> None:
    file = files.file()
    await files.server.close()
    with pytest.raises(ConnectionBrokenError):
        await download(source, file, link=QUICK)


async def test_slow_link_takes_small_pieces(files: FileServer, source: Source) -> None:
    seen: list[int] = []
    speed = len(CONTENT) * 20
    await download(source, files.file(), link=Link(bytes_per_second=speed), on_progress=seen.append)
    assert len(seen) > 3
