"""Uploads that break: whatever happens, nothing is left behind."""

import asyncio
import errno
import hashlib
import os
import resource
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skyferry.objects.limits import ObjectLimits
from skyferry.objects.local import LocalObjectStore, _LocalWriter
from skyferry.store import objects as statements
from tests.unit.objects.forms_to_send import LIMITS, assert_is_error, assert_nothing_is_left, body_of, signed
from tests.unit.objects.serving import (
    BOUNDARY,
    ObjectServer,
    fields_of,
    form,
    request,
    serving,
)
from tests.unit.objects.storages import LocalStorage, Storage


@pytest.fixture
async def server(tmp_path: Path, storage: Storage) -> AsyncIterator[ObjectServer]:
    async with serving(tmp_path, storage=storage, limits=LIMITS) as started:
        yield started


class BrokenWriter:
    """A writer whose disk has room for a few bytes only."""

    def __init__(self, writer: _LocalWriter, room: int, error: Exception) -> None:
        self.writer = writer
        self.room = room
        self.error = error
        self.abort = writer.abort
        self.commit = writer.commit

    async def write(self, data: bytes) -> None:
        await self.writer.write(data[: self.room])
        self.room -= len(data)
        if self.room < 0:
            raise self.error


class BrokenStore(LocalObjectStore):
    error: Exception

    async def create(self) -> BrokenWriter:  # type: ignore[override]
        return BrokenWriter(await super().create(), 100, self.error)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room left"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "no room left"),
        (OSError(errno.EIO, "Input/output error"), "internal error"),
        (RuntimeError("a bug"), "internal error"),
    ],
)
async def test_broken_disk(error: Exception, message: str, tmp_path: Path) -> None:
    store = BrokenStore(tmp_path / "objects")
    store.error = error
    async with serving(tmp_path, limits=LIMITS, storage=LocalStorage(tmp_path / "objects", store)) as server:
        reply = await server.post(body_of(signed([]), b"x" * 500))
        assert_is_error(reply, 500, "InternalError")
        assert message in (reply.element("Message") or "")
        assert b"Traceback" not in reply.body
        await assert_nothing_is_left(server)


NO_MORE_ROWS = {
    "sqlite": "CREATE TRIGGER t BEFORE INSERT ON objects BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    "postgresql": "ALTER TABLE objects ADD CHECK (size < 0)",
}


async def test_row_that_cannot_be_stored_takes_its_file_along(server: ObjectServer) -> None:
    await server.store.write(lambda tx: tx.exec_driver_sql(NO_MORE_ROWS[tx.dialect.name]))
    assert_is_error(await server.post(body_of(signed([]))), 500, "InternalError")
    await assert_nothing_is_left(server)


async def until_files(server: ObjectServer, count: int) -> None:
    async with asyncio.timeout(30):
        while len(server.files()) != count:  # noqa: ASYNC110 - the file system has no event for it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
async def test_connection_that_breaks_in_the_middle_leaves_nothing(reset: bool, server: ObjectServer) -> None:
    lines = {"Host": "files.test", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    body = body_of(signed([]), b"x" * 900)
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request("POST", "/objects", lines | {"Content-Length": str(len(body))}) + body[:-400])
    await until_files(server, 1)
    if reset:
        writer.transport.abort()
    else:
        writer.close()
    await until_files(server, 0)
    await assert_nothing_is_left(server)


async def test_broken_chunk_leaves_nothing(server: ObjectServer) -> None:
    lines = {"Host": "files.test", "Connection": "close", "Transfer-Encoding": "chunked"}
    lines["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
    body = body_of(signed([]), b"x" * 900)[:-400]
    raw = request("POST", "/objects", lines) + b"%x\r\n%s\r\nno length\r\n" % (len(body), body)
    reply = await server.exchange(raw)
    assert reply.status == 400
    await assert_nothing_is_left(server)


async def test_upload_that_stalls_is_given_up(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=ObjectLimits(stall_seconds=0.05)) as server:
        lines = {"Host": "files.test", "Connection": "close", "Content-Length": "100000"}
        lines["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request("POST", "/objects", lines) + body_of(signed([]), b"x" * 900)[:-400])
        assert b"<Code>RequestTimeout</Code>" in await reader.readuntil(b"</Error>")
        writer.close()
        await assert_nothing_is_left(server)


async def test_server_that_stops_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, limits=LIMITS) as server:
        lines = {"Host": "files.test", "Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        body = body_of(signed([]), b"x" * 900)
        writer.write(request("POST", "/objects", lines | {"Content-Length": str(len(body))}) + body[:-400])
        await until_files(server, 1)
    writer.close()
    assert server.files() == []


async def test_memory_of_a_large_upload_is_bounded(tmp_path: Path) -> None:
    """64 MB in pieces; the client does not hold them either."""
    size = 64 << 20
    piece = os.urandom(1 << 20)
    async with serving(tmp_path) as server:
        ticket = await server.ticket()
        head, tail = form(fields_of(ticket), b"@@").split(b"@@")
        lines = {"Host": "files.test", "Connection": "close", "Content-Length": str(len(head) + size + len(tail))}
        lines["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        tracemalloc.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request("POST", "/objects", lines) + head)
        for _ in range(size // len(piece)):
            writer.write(piece)
            await writer.drain()
        writer.write(tail)
        answer = await reader.read()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert peak < 16 << 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 40 << 10
        item = await server.store.read(statements.find_object, 1, ticket.key)
        assert item is not None
        assert item.md5 == hashlib.md5(piece * 64).hexdigest()
