"""Messages on custom topics forwarded to a real NATS server (setting `forward_custom_topics`)."""

import asyncio
from collections.abc import Iterator

import nats
import pytest

from tests.support import databases
from tests.support.api import root
from tests.support.device import CDevice
from tests.support.nats import NatsServer
from tests.support.server import Server

_PUBACK = 0x40
pytestmark = pytest.mark.rule("devices")


def say_until_acknowledged(device: CDevice, topic: str, payload: bytes) -> None:
    """Says the same at QoS 1 again and again until there is a PUBACK, all on one connection."""
    assert device._socket
    name = topic.encode()
    while True:
        device._send(0x32, len(name).to_bytes(2, "big") + name + b"\0\x07" + payload)
        device._socket.settimeout(1)
        try:
            while device._packet()[0] != _PUBACK:
                pass
        except TimeoutError:
            continue
        finally:
            device._socket.settimeout(30)
        return


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as started:
        yield started


@pytest.fixture(scope="module")
def forwarding(tmp_path_factory: pytest.TempPathFactory, broker: NatsServer) -> Iterator[Server]:
    settings = {"SKYFERRY_NATS": broker.url, "SKYFERRY_FORWARD_CUSTOM_TOPICS": "shop.devices"}
    with Server(tmp_path_factory.mktemp("server"), settings) as started:
        yield started


@pytest.fixture(scope="module")
def device(forwarding: Server) -> Iterator[CDevice]:
    application = root(forwarding.http)
    with CDevice(forwarding.mqtt, application.register(application.create_product("forwarding"), "dev.1")) as connected:
        yield connected


async def test_a_message_arrives_as_it_came_under_the_subject_of_its_topic(broker: NatsServer, device: CDevice) -> None:
    """Without a stream: whoever listens gets it."""
    client = await nats.connect(broker.url)
    listening = await client.subscribe("shop.devices.>")
    await client.flush()
    await asyncio.to_thread(device.say, f"/{device.own}/user/a b/>", b"\x00\xff", acknowledged=True)
    message = await listening.next_msg(30)
    await client.close()
    product_key = device.own.partition("/")[0]
    assert message.subject == f"shop.devices.{product_key}.dev%2E1.user.a%20b.%3E"
    assert message.data == b"\x00\xff"


async def test_nats_that_is_away_costs_no_connection_and_no_message(broker: NatsServer, device: CDevice) -> None:
    """A message is acknowledged when a stream has stored it; what was not acknowledged is sent again."""
    databases.skip_on_postgresql("with PostgreSQL reports go through NATS too: devices are sent away without it")
    client = await nats.connect(broker.url)
    await client.jetstream().add_stream(name="devices", subjects=["shop.devices.>"])
    await client.close()
    await asyncio.to_thread(device.say, f"/{device.own}/user/first", b"1", acknowledged=True)

    broker.kill()
    topic = f"/{device.own}/user/second"
    await asyncio.to_thread(device.say, topic, b"2")
    await asyncio.to_thread(device.report_version, "1.0.0", stored=True)
    await asyncio.to_thread(device.ping)

    broker.start()
    await asyncio.to_thread(say_until_acknowledged, device, topic, b"3")
    client = await nats.connect(broker.url)
    stream = await client.jetstream().subscribe("shop.devices.>")
    found = [(await stream.next_msg(30)).data for _ in range(2)]
    await client.close()
    assert found == [b"1", b"3"]
