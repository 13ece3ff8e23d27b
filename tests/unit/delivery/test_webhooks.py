"""Webhooks: the signature, what counts as a receipt, and what goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from skyferry.clock import SystemClock
from skyferry.delivery.interface import DeliveryError, envelope
from skyferry.delivery.webhooks import WebhookSender, open_session, sign
from skyferry.store.outbox import OutboxMessage

MESSAGE = OutboxMessage(1, "5f0c6b7f", "iot-1", "task.ended", "/a1B2/dev/ota/upgrade", '{"desc":"\\u4f60"}', 17, 0)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def receiver(handler: Handler) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/hook?x=1"
    await runner.cleanup()


async def send(url: str, timeout_ms: int = 30_000) -> None:
    async with open_session(timeout_ms) as session:
        await WebhookSender(session, url, SECRET, SystemClock()).send(MESSAGE)


async def failure(url: str, timeout_ms: int = 30_000) -> str:
    with pytest.raises(DeliveryError) as caught:
        await send(url, timeout_ms)
    return str(caught.value)


def test_the_signature_is_that_of_standard_webhooks() -> None:
    """A vector that its libraries are tested with."""
    signature = sign(SECRET, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_a_message_is_posted_as_it_is_signed() -> None:
    seen: list[tuple[str, dict[str, str], bytes]] = []

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen.append((request.raw_path, headers, await request.read()))
        return web.Response(status=202)

    async with receiver(take) as url:
        await send(url)

    [(path, headers, body)] = seen
    assert path == "/hook?x=1"
    assert body == envelope(MESSAGE)
    assert headers["webhook-signature"] == sign(SECRET, "5f0c6b7f", int(headers["webhook-timestamp"]), body)
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [301, 307, 400, 410, 500, 503])
async def test_only_2xx_is_a_receipt(status: int) -> None:
    asked = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"}, text="secret of the network")

    async with receiver(refuse) as url:
        assert await failure(url) == f"HTTP {status}"
    assert asked == ["/hook"]


async def test_an_answer_that_never_comes_is_a_failure() -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    async with receiver(hang) as url:
        assert await failure(url, timeout_ms=100) == "No answer in time."


async def test_an_endless_answer_is_not_read() -> None:
    written = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65_536))
            written += 65_536

    async with receiver(pour) as url:
        await send(url)
    assert written < 64 * 1_048_576


async def test_an_answer_that_is_no_http_is_a_failure() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"what?\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        assert await failure(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://name.invalid/", f"http://{'a' * 64}.test/"])
async def test_a_server_that_cannot_be_reached_is_a_failure(url: str) -> None:
    assert await failure(url)
