"""Downloads as they are counted and limited."""

import asyncio
from pathlib import Path

import pytest

from skyferry.objects.downloads import Served
from skyferry.objects.limits import ServingLimits
from tests.unit.objects.serving import ObjectServer, request, serving
from tests.unit.objects.storages import Storage
from tests.unit.objects.test_sending import CONTENT, connected, received

SMALL = bytes(range(256)) * 40
TASK = 4_711


def target_of(server: ObjectServer, key: str, task_id: int | None = TASK) -> str:
    return server.urls.sign(key, server.clock.now, task_id=task_id).removeprefix(server.urls.base_url)


async def test_what_was_sent_for_a_task_is_told(tmp_path: Path, roomy_storage: Storage) -> None:
    async with serving(tmp_path, storage=roomy_storage) as server:
        key = await server.put(SMALL)
        target = target_of(server, key)
        assert (await server.fetch(target)).body == SMALL
        assert (await server.fetch(target, {"Range": "bytes=100-199"})).body == SMALL[100:200]
        assert (await server.fetch(target, {"Range": "bytes=99999-"})).status == 416
        assert (await server.fetch(target, method="HEAD")).header("Content-Length") == str(len(SMALL))
        await server.fetch(target_of(server, key, task_id=None))
        await server.fetch(target.replace("t=", "t=1"))
        assert server.served == [
            Served(TASK, len(SMALL), complete=True),
            Served(TASK, 100, complete=True),
            Served(TASK, 0, complete=False),
        ]


async def test_a_download_that_breaks_off_is_told_with_what_was_sent(tmp_path: Path, roomy_storage: Storage) -> None:
    async with serving(tmp_path, storage=roomy_storage) as server:
        key = await server.put(CONTENT)
        with await connected(server, target_of(server, key)) as client:
            await received(client, 1_000)
        async with asyncio.timeout(30):
            while not server.served:  # noqa: ASYNC110 - the kernel has no event for it
                await asyncio.sleep(0.01)
        [told] = server.served
        assert not told.complete
        assert 0 < told.sent < len(CONTENT)


async def test_one_more_than_the_limit_waits_and_is_served(tmp_path: Path, roomy_storage: Storage) -> None:
    async with serving(tmp_path, storage=roomy_storage, serving_limits=ServingLimits(most_at_once=1)) as server:
        key, small = await server.put(CONTENT), await server.put(SMALL)
        with await connected(server, target_of(server, key)) as first:
            await received(first, 1_000)
            second = asyncio.create_task(server.get(small))
            await asyncio.sleep(0.05)
            assert not second.done()
            await received(first)
        assert (await second).body == SMALL


async def test_one_that_waits_in_vain_gets_xml_and_a_time_to_come_again(tmp_path: Path, roomy_storage: Storage) -> None:
    limits = ServingLimits(most_at_once=1, wait_seconds=0.01, retry_seconds=7)
    async with serving(tmp_path, storage=roomy_storage, serving_limits=limits) as server:
        key = await server.put(CONTENT)
        with await connected(server, target_of(server, key, None)) as first:
            await received(first, 1_000)
            reply = await server.fetch(target_of(server, key))
            assert (reply.status, reply.code, reply.header("Retry-After")) == (503, "SlowDown", "7")
            assert reply.header("Content-Length") == str(len(reply.body))
            assert (await server.get(key, method="HEAD")).status == 200
        assert server.served == [Served(TASK, 0, complete=False)]


@pytest.mark.parametrize("asked", [None, "bytes=1000-"])
async def test_a_limited_rate_changes_no_byte(asked: str | None, tmp_path: Path, roomy_storage: Storage) -> None:
    limits = ServingLimits(bytes_per_second=40_000, client_bytes_per_second=80_000)
    async with serving(tmp_path, storage=roomy_storage, serving_limits=limits) as server:
        key = await server.put(SMALL)
        reply = await server.get(key, headers={"Range": asked} if asked else {})
        assert reply.body == SMALL[1_000 if asked else 0 :]


async def test_downloads_go_on_one_connection_one_after_another(tmp_path: Path, roomy_storage: Storage) -> None:
    async with serving(tmp_path, storage=roomy_storage, serving_limits=ServingLimits(most_at_once=1)) as server:
        key = await server.put(SMALL)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for start in (0, 5_000):
            headers = {"Host": "files.test", "Range": f"bytes={start}-{start + 99}"}
            writer.write(request("GET", target_of(server, key), headers))
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(100) == SMALL[start : start + 100]
        writer.close()
