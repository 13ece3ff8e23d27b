"""Open pages hear of changes, coalesced, for as long as their person is signed in."""

import asyncio
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from skyferry.clock import SystemClock
from skyferry.console import live
from skyferry.console.live import Live


class Known:
    """Knows everyone, until it forgets them."""

    def __init__(self) -> None:
        self.there = True

    async def person(self, _: web.Request) -> object | None:
        return object() if self.there else None


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.fixture
def pages(known: Known, monkeypatch: pytest.MonkeyPatch) -> Live:
    monkeypatch.setattr(live, "_PAUSE_SECONDS", 0.05)
    return Live(cast("Any", known), SystemClock())


async def serving(pages: Live) -> TestClient[web.Request, web.Application]:
    application = web.Application()
    application.router.add_get("/live", pages.serve)
    application.on_shutdown.append(pages.close)
    client = TestClient(TestServer(application))
    await client.start_server()
    return client


async def test_changes_in_quick_succession_are_one_event(pages: Live) -> None:
    client = await serving(pages)
    async with client.get("/live") as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        for _ in range(3):
            pages.changed()
        assert (await response.content.readuntil(b"\n\n")).startswith(b"event: changed\ndata: ")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await response.content.readuntil(b"\n\n")
        pages.changed()
        await response.content.readuntil(b"\n\n")
    await client.close()


async def test_a_change_while_a_page_pauses_is_not_lost(pages: Live) -> None:
    client = await serving(pages)
    async with client.get("/live") as response:
        pages.changed()
        await response.content.readuntil(b"\n\n")
        pages.changed()
        await response.content.readuntil(b"\n\n")
    await client.close()


async def test_a_quiet_page_is_told_to_look_and_ends_with_the_session(
    pages: Live, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_LONGEST_SECONDS", 0.05)
    client = await serving(pages)
    async with client.get("/live") as response:
        await response.content.readuntil(b"\n\n")
        known.there = False
        assert await asyncio.wait_for(response.content.read(), 10) is not None
    assert (await client.get("/live")).status == 401
    await client.close()


async def test_too_many_pages_are_told_to_come_later(pages: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_MOST_PAGES", 1)
    client = await serving(pages)
    async with client.get("/live"), client.get("/live") as second:
        assert (second.status, second.headers["Retry-After"]) == (503, "30")
    await client.close()


async def test_a_server_that_stops_ends_its_streams(pages: Live) -> None:
    client = await serving(pages)
    async with client.get("/live") as response:
        await pages.close(web.Application())
        assert await asyncio.wait_for(response.content.read(), 10) == b""
    await client.close()
