"""Downloads whose bytes someone else sends: the object store itself, or a CDN in front of it."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from skyferry.objects.downloads import Served
from skyferry.objects.urls import LONGEST_URL
from tests.support.bucket import S3Server
from tests.unit.objects.serving import ObjectServer, serving
from tests.unit.objects.storages import S3Storage

CONTENT = bytes(range(256)) * 40
TASK = 4_711


@pytest.fixture
def bucket(s3_server: S3Server) -> S3Storage:
    return S3Storage(s3_server.bucket())


def target_of(server: ObjectServer, key: str, task_id: int | None = None) -> str:
    return server.urls.sign(key, server.clock.now, task_id=task_id).removeprefix(server.urls.base_url)


async def at_a_cdn(blob: str) -> str:
    return f"https://cdn.test/{blob}"


async def test_who_comes_for_no_task_is_sent_elsewhere(tmp_path: Path) -> None:
    async with serving(tmp_path, elsewhere=at_a_cdn) as server:
        key = await server.put(CONTENT)
        [blob] = server.files()
        reply = await server.fetch(target_of(server, key), {"Range": "bytes=5-"})
        assert (reply.status, reply.header("Location")) == (302, f"https://cdn.test/{blob}")
        assert reply.header("Content-Length") == "0"
        assert reply.header("Cache-Control") == "no-store"
        assert server.served == []


async def test_device_is_sent_its_file_itself(tmp_path: Path) -> None:
    async with serving(tmp_path, elsewhere=at_a_cdn) as server:
        key = await server.put(CONTENT)
        assert (await server.fetch(target_of(server, key, TASK))).body == CONTENT
        assert server.served == [Served(TASK, len(CONTENT), complete=True)]


async def test_device_that_follows_redirects_is_sent_elsewhere_and_counted(tmp_path: Path) -> None:
    async with serving(tmp_path, elsewhere=at_a_cdn, devices_follow=True) as server:
        key = await server.put(CONTENT)
        assert (await server.fetch(target_of(server, key, TASK))).status == 302
        assert server.served == [Served(TASK, 0, complete=True)]


async def test_nobody_is_sent_elsewhere_without_a_right_or_a_file(tmp_path: Path) -> None:
    async with serving(tmp_path, elsewhere=at_a_cdn, devices_follow=True) as server:
        key = await server.put(CONTENT)
        target = target_of(server, key)
        assert (await server.fetch(target.replace("Signature=", "Signature=A"))).status == 403
        assert (await server.fetch(target_of(server, f"{key[:45]}{'z' * 17}.bin"))).status == 404
        head = await server.fetch(target, method="HEAD")
        assert (head.status, head.header("Content-Length")) == (200, str(len(CONTENT)))


async def test_presigned_url_gives_the_file_and_is_too_long_for_a_notice(bucket: S3Storage, tmp_path: Path) -> None:
    async with serving(tmp_path, storage=bucket, elsewhere=bucket.objects.presigned) as server:
        key = await server.put(CONTENT)
        url = (await server.fetch(target_of(server, key))).header("Location")
    answer = await asyncio.to_thread(requests.get, url, headers={"Range": "bytes=100-199"}, timeout=30)
    assert (answer.status_code, answer.content) == (206, CONTENT[100:200])
    assert "X-Amz-Expires=3600" in url
    assert len(url) - len(urlsplit(url).netloc) > LONGEST_URL


async def test_other_names_are_not_presigned(bucket: S3Storage) -> None:
    with pytest.raises(ValueError, match="not the name of a blob"):
        await bucket.objects.presigned("../secret")
