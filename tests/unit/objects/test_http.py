"""Downloads as devices see them: what the C SDKs cannot read must not be there (device-plane reference §2.8)."""

import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from skyferry.store import objects as statements
from tests.unit.objects.serving import PREFIX, ObjectServer, Reply, serving
from tests.unit.objects.storages import Storage

CONTENT = bytes(range(256)) * 20
SIZE = len(CONTENT)
NO_KEY = f"ota/{PREFIX}/{'z' * 25}.bin"


@pytest.fixture
async def server(tmp_path: Path, storage: Storage) -> AsyncIterator[ObjectServer]:
    async with serving(tmp_path, storage=storage) as started:
        yield started


def assert_is_error(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code), reply
    assert reply.header("Content-Type") == "application/xml"
    assert reply.header("Content-Length") == str(len(reply.body))


async def test_whole_file_with_headers_as_the_c_sdk_needs_them(server: ObjectServer) -> None:
    reply = await server.get(await server.put(CONTENT))
    assert reply.status_line == "HTTP/1.1 200 OK"
    assert reply.body == CONTENT
    names = [name for name, _ in reply.headers]
    assert names.count("Content-Length") == 1
    assert reply.header("Content-Length") == str(SIZE)
    assert reply.header("Content-Type") == "application/octet-stream"
    assert reply.header("ETag") == f'"{hashlib.md5(CONTENT).hexdigest().upper()}"'
    assert reply.header("Accept-Ranges") == "bytes"
    assert not {"transfer-encoding", "content-encoding", "location"} & {name.lower() for name in names}
    assert len(names) <= 10
    assert all(len(f"{name}: {value}\r\n") < 128 for name, value in reply.headers)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, SIZE),
        ("bytes=1000-", 1000, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        ("BYTES=10-99999999", 10, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        ("bytes=-99999999", 0, SIZE),
    ],
)
async def test_part_of_a_file(asked: str, start: int, end: int, server: ObjectServer) -> None:
    reply = await server.get(await server.put(CONTENT), headers={"Range": asked})
    assert reply.status_line == "HTTP/1.1 206 Partial Content"
    assert reply.header("Content-Range") == f"bytes {start}-{end - 1}/{SIZE}"
    assert reply.header("Content-Length") == str(end - start)
    assert reply.body == CONTENT[start:end]


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=b-",
        "bytes=5-2",
        "items=0-5",
        "bytes=0-1,4-5",
        "bytes=" + "9" * 30 + "-",
    ],
)
async def test_range_that_means_nothing_is_ignored(asked: str, server: ObjectServer) -> None:
    reply = await server.get(await server.put(CONTENT), headers={"Range": asked})
    assert (reply.status, reply.body) == (200, CONTENT)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999999-", "bytes=-0"])
async def test_range_behind_the_end(asked: str, server: ObjectServer) -> None:
    reply = await server.get(await server.put(CONTENT), headers={"Range": asked})
    assert_is_error(reply, 416, "InvalidRange")
    assert reply.header("Content-Range") == f"bytes */{SIZE}"


async def test_if_range_resumes_only_the_same_file(server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    etag = (await server.get(key, method="HEAD")).header("ETag")
    same = await server.get(key, headers={"Range": "bytes=9-", "If-Range": etag})
    assert (same.status, same.body) == (206, CONTENT[9:])
    other = await server.get(key, headers={"Range": "bytes=9-", "If-Range": '"other"'})
    assert (other.status, other.body) == (200, CONTENT)


async def test_download_resumed_after_each_drop_is_the_file(server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    received = b""
    while len(received) < SIZE:
        reply = await server.get(key, headers={"Range": f"bytes={len(received)}-", "Content-Length": "0"})
        assert reply.status == 206
        received += reply.body[:700]
    assert received == CONTENT


async def test_head_answers_the_headers_alone(server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    reply = await server.get(key, method="HEAD", headers={"Range": "bytes=3-"})
    assert (reply.status, reply.header("Content-Length"), reply.body) == (200, str(SIZE), b"")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "gz", "zip", "apk"])
async def test_type_does_not_depend_on_the_suffix(suffix: str, server: ObjectServer) -> None:
    key = f"ota/{PREFIX}/{'a' * 25}.{suffix}"
    digest = hashlib.sha256(CONTENT).hexdigest()
    item = statements.StoredObject(key, 1, SIZE, "m", digest, "0", 0)
    writer = await server.objects.create()
    await writer.write(CONTENT)
    await writer.commit(item.blob)
    await server.store.write(statements.put_object, item)
    server.storage.put(f"{item.blob}.gz", b"a sibling")
    reply = await server.get(key, headers={"Accept-Encoding": "gzip, deflate, br"})
    assert reply.body == CONTENT
    assert reply.header("Content-Type") == "application/octet-stream"
    assert "Content-Encoding" not in dict(reply.headers)


async def test_two_downloads_on_one_connection(server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    target = server.urls.sign(key, server.clock.now).removeprefix(server.urls.base_url)
    first = f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"
    second = f"GET {target} HTTP/1.1\r\nHost: a\r\nRange: bytes=5-\r\nConnection: close\r\n\r\n"
    reply = await server.exchange((first + second).encode())
    head, _, rest = reply.body[SIZE:].partition(b"\r\n\r\n")
    assert reply.body[:SIZE] == CONTENT
    assert head.startswith(b"HTTP/1.1 206 ")
    assert rest == CONTENT[5:]


async def test_client_that_closes_its_side_still_gets_the_file(server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    target = server.urls.sign(key, server.clock.now).removeprefix(server.urls.base_url)
    raw = f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode()
    assert (await server.exchange(raw)).body == CONTENT


async def test_url_expires_after_a_day(server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    target = server.urls.sign(key, server.clock.now).removeprefix(server.urls.base_url)
    server.clock.now += 86_399_999
    assert (await server.fetch(target)).status == 200
    server.clock.now += 1
    assert_is_error(await server.fetch(target), 403, "AccessDenied")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_wrong_signatures_say_nothing_about_the_file(method: str, server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    target = server.urls.sign(key, server.clock.now).removeprefix(server.urls.base_url)
    for wrong in (
        target.replace("Signature=", "Signature=A"),
        re.sub(r"Expires=\d", "Expires=2", target),
        target.partition("?")[0],
        target.replace(key, NO_KEY),
        f"/objects/{key}?Expires=%ff&Signature=%00",
        "/objects/ota/../../../etc/passwd",
        "/objects/%2e%2e/%2e%2e/etc/passwd",
    ):
        reply = await server.fetch(wrong, method=method)
        assert reply.status == 403
        if method == "GET":
            assert_is_error(reply, 403, "AccessDenied")


@pytest.mark.parametrize("key", [NO_KEY, "../secret", "ota/x", "\u4e2d"])
async def test_missing_object(key: str, server: ObjectServer) -> None:
    target = server.urls.sign(key, server.clock.now).removeprefix(server.urls.base_url)
    assert_is_error(await server.fetch(quote(target, safe="/?&=")), 404, "NoSuchKey")


async def test_lost_file_is_missing_and_a_damaged_one_an_error(server: ObjectServer) -> None:
    key = await server.put(CONTENT)
    [name] = server.files()
    server.storage.put(name, CONTENT[:-1])
    damaged = await server.get(key)
    assert_is_error(damaged, 500, "InternalError")
    assert b"Error" in damaged.body
    assert b"Traceback" not in damaged.body
    server.storage.remove(name)
    assert_is_error(await server.get(key), 404, "NoSuchKey")
