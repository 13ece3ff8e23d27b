"""Messages to the business server through NATS: `skyferry serve --nats` with a real NATS server."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest

from tests.support import databases
from tests.support.api import Application, Device, items, root
from tests.support.device import CDevice
from tests.support.nats import NatsServer
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.rule("CreateEventSubscription")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as started:
        yield started


@pytest.fixture
def connected(tmp_path: Path, broker: NatsServer) -> Iterator[Server]:
    settings = {"SKYFERRY_NATS": broker.url, "SKYFERRY_EVENT_RETRY_SECONDS": "0.1", "SKYFERRY_EVENT_ATTEMPTS": "100"}
    with Server(tmp_path / "server", settings) as started:
        yield started


async def make_stream(url: str) -> None:
    client = await nats.connect(url)
    await client.jetstream().add_stream(name="ota", subjects=["shop.>"])
    await client.close()


async def read_stream(url: str, count: int) -> list[tuple[str, dict[str, Any]]]:
    """Subject and payload of so many messages of the stream."""
    client = await nats.connect(url)
    listening = await client.jetstream().subscribe("shop.>")
    found = [await listening.next_msg(60) for _ in range(count)]
    await client.close()
    return [(message.subject, json.loads(message.data)["payload"]) for message in found]


def waiting(application: Application) -> int:
    [subscription] = items(application.call("ListEventSubscriptions")["Data"], "EventSubscription")
    return int(subscription["Waiting"])


def say(server: Server, device: Device, version: str) -> None:
    with CDevice(server.mqtt, device) as client:
        client.report_version(version, stored=True)


def test_messages_are_in_the_stream_though_nats_was_away(connected: Server, broker: NatsServer) -> None:
    databases.skip_on_postgresql("with PostgreSQL reports go through NATS too: devices are sent away without it")
    asyncio.run(make_stream(broker.url))
    application = root(connected.http)
    application.call("CreateEventSubscription", Kind="nats", Target="shop.ota", Type=["module.version"])
    device = application.register(application.create_product("nats_product"), "dev.1")

    say(connected, device, "1.0.0")
    wait_until(lambda: waiting(application) == 0, what="the first message")
    broker.kill()
    say(connected, device, "1.0.1")
    say(connected, device, "1.0.2")
    assert waiting(application) == 2
    broker.start()

    told = asyncio.run(read_stream(broker.url, 3))
    assert [payload["moduleVersion"] for _, payload in told] == ["1.0.0", "1.0.1", "1.0.2"]
    assert {subject for subject, _ in told} == {f"shop.ota.{device.product_key}.dev%2E1.ota.version.post"}
    wait_until(lambda: waiting(application) == 0, what="the receipts")
