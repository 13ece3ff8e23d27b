"""NATS, with a real server where one is installed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from skyferry.delivery.interface import DeliveryError
from skyferry.delivery.nats import NatsConnection, NatsSender, subject
from skyferry.store.outbox import OutboxMessage
from tests.support.nats import NatsServer

MESSAGE = OutboxMessage(1, "5f0c6b7f", "iot-1", "task.ended", "/a1B2/dev.1/ota/upgrade", '{"desc":"x"}', 17, 0)
SUBJECT = "skyferry.events.a1B2.dev%2E1.ota.upgrade"


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("/a1B2/dev-1/ota/upgrade", "p.a1B2.dev-1.ota.upgrade"),
        ("/a1B2/dev-1/ota/version/post", "p.a1B2.dev-1.ota.version.post"),
        ("/as/mqtt/status/a1B2/dev-1", "p.a1B2.dev-1.as.mqtt.status"),
        ("/a1B2/F03/J02/ota/job/status", "p.a1B2.F03.J02.ota.job.status"),
        ("/a1B2/a.b c*>@:%/ota/upgrade", "p.a1B2.a%2Eb%20c%2A%3E@:%25.ota.upgrade"),
    ],
)
def test_a_subject_begins_with_what_the_topic_is_about(topic: str, expected: str) -> None:
    assert subject("p", topic) == expected


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path) as started:
        yield started


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[Client]:
    connected = await nats.connect(server.url)
    yield connected
    await connected.close()


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[NatsConnection]:
    made = NatsConnection(server.url, 5_000)
    yield made
    await made.close()


async def test_a_message_goes_to_who_listens(client: Client, connection: NatsConnection) -> None:
    listening = await client.subscribe("skyferry.events.a1B2.>")
    await client.flush()

    await NatsSender(connection, "skyferry.events").send(MESSAGE)

    received = await listening.next_msg(30)
    assert received.subject == SUBJECT
    assert received.headers == {"Nats-Msg-Id": "5f0c6b7f"}
    assert json.loads(received.data) == {
        "messageId": "5f0c6b7f",
        "type": "task.ended",
        "topic": "/a1B2/dev.1/ota/upgrade",
        "generateTime": 17,
        "payload": {"desc": "x"},
    }


async def test_a_stream_stores_a_message_once(client: Client, connection: NatsConnection) -> None:
    streams = client.jetstream()
    await streams.add_stream(name="ota", subjects=["skyferry.events.>"])
    sender = NatsSender(connection, "skyferry.events")

    await sender.send(MESSAGE)
    await sender.send(MESSAGE)

    assert (await streams.stream_info("ota")).state.messages == 1
    assert (await streams.get_msg("ota", seq=1)).subject == SUBJECT


async def test_a_stream_that_refuses_is_no_receipt(client: Client, connection: NatsConnection) -> None:
    await client.jetstream().add_stream(name="ota", subjects=["skyferry.events.>"], max_msgs=1, discard="new")
    sender = NatsSender(connection, "skyferry.events")
    await sender.send(MESSAGE)
    other = OutboxMessage(2, "other", "iot-1", "task.ended", "/a1B2/dev-2/ota/upgrade", "{}", 17, 0)

    with pytest.raises(DeliveryError, match="maximum messages"):
        await sender.send(other)


async def test_without_jetstream_messages_are_published(tmp_path: Path) -> None:
    with NatsServer(tmp_path / "plain", jetstream=False) as server:
        connection = NatsConnection(server.url, 5_000)
        client = await nats.connect(server.url)
        listening = await client.subscribe("own.>")
        await client.flush()

        await NatsSender(connection, "own").send(MESSAGE)

        assert (await listening.next_msg(30)).subject == "own.a1B2.dev%2E1.ota.upgrade"
        await connection.close()
        await client.close()


async def test_a_server_that_is_away_is_an_error_and_comes_back(tmp_path: Path, server: NatsServer) -> None:
    connection = NatsConnection(server.url, 1_000)
    sender = NatsSender(connection, "own")
    server.kill()
    with pytest.raises(DeliveryError):
        await sender.send(MESSAGE)

    server.start()
    await sender.send(MESSAGE)
    server.kill()
    with pytest.raises(DeliveryError):
        await sender.send(MESSAGE)
    server.start()
    for _ in range(100):
        try:
            await sender.send(MESSAGE)
            break
        except DeliveryError:
            await asyncio.sleep(0.1)
    else:
        raise AssertionError("the connection was not made again")
    await connection.close()
