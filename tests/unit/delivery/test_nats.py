"""NATS, with a real server where one is installed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.errors import Error
from nats.js import JetStreamContext

import skyferry.delivery.nats
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


def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The subjects that JetStream is asked for from now on."""
    questions: list[str] = []
    original = JetStreamContext.find_stream_name_by_subject

    async def noting(streams: JetStreamContext, subject: str) -> str:
        questions.append(subject)
        return await original(streams, subject)

    monkeypatch.setattr(JetStreamContext, "find_stream_name_by_subject", noting)
    return questions


@pytest.mark.parametrize("captured", [True, False])
async def test_a_subject_is_asked_for_once(
    client: Client, connection: NatsConnection, monkeypatch: pytest.MonkeyPatch, captured: bool
) -> None:
    if captured:
        await client.jetstream().add_stream(name="events", subjects=["skyferry.events.>"])
    questions = asked(monkeypatch)
    for number in range(3):
        await connection.publish("skyferry.events.one", b"", str(number))
    await connection.publish("skyferry.events.two", b"", "3")
    assert questions == ["skyferry.events.one", "skyferry.events.two"]


async def test_a_stream_that_is_gone_is_found_out(
    client: Client, connection: NatsConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.jetstream().add_stream(name="events", subjects=["skyferry.events.>"])
    await connection.publish("skyferry.events.one", b"", "1")
    await client.jetstream().delete_stream("events")
    questions = asked(monkeypatch)
    with pytest.raises(Error):
        await connection.publish("skyferry.events.one", b"", "2")
    await connection.publish("skyferry.events.one", b"", "2")
    assert questions == ["skyferry.events.one"]


async def test_subjects_are_remembered_in_bounded_memory_and_for_a_while(
    connection: NatsConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skyferry.delivery.nats, "_MOST_REMEMBERED", 2)
    questions = asked(monkeypatch)
    for name in ("a", "b", "c", "a"):
        await connection.publish(name, b"", name)
    assert questions == ["a", "b", "c", "a"]
    monkeypatch.setattr(skyferry.delivery.nats, "_REMEMBERED_SECONDS", 0)
    for name in ("d", "d"):
        await connection.publish(name, b"", name)
    assert questions[4:] == ["d", "d"]
