"""A server of both kinds for the devices under test."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.simulator.broker import Broker

CONTENT = b"firmware" * 20_000


class Packages:
    """Offers one file over HTTP; `gate` holds the answers back until it is set."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.requests: list[str] = []
        self.server: TestServer

    async def serve(self, request: web.Request) -> web.Response:
        self.requests.append(request.headers["Range"])
        await self.gate.wait()
        offset = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        return web.Response(
            status=206,
            body=CONTENT[offset:],
            headers={"Content-Range": f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}"},
        )

    def data(self, version: str = "2.0.0", path: str = "/f", **changes: Any) -> dict[str, Any]:
        digest = hashlib.md5(CONTENT).hexdigest()
        return {
            "size": len(CONTENT),
            "sign": digest,
            "version": version,
            "url": f"http://127.0.0.1:{self.server.port}{path}",
            "signMethod": "Md5",
            "md5": digest,
        } | changes

    def push(self, *arguments: str, **changes: Any) -> bytes:
        return self.envelope({"code": "1000", "data": self.data(*arguments, **changes), "id": 1})

    def envelope(self, message: dict[str, Any]) -> bytes:
        return json.dumps(message | {"message": "success"}, separators=(",", ":")).encode()


@pytest.fixture
async def broker() -> AsyncIterator[Broker]:
    broker = Broker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    broker.port = server.sockets[0].getsockname()[1]
    async with server:
        yield broker
        for session in broker.sessions:
            session.drop()


@pytest.fixture
async def packages() -> AsyncIterator[Packages]:
    packages = Packages()
    app = web.Application()
    app.router.add_get("/f", packages.serve)
    packages.server = TestServer(app)
    async with packages.server:
        yield packages
        packages.gate.set()
