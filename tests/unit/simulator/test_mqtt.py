"""Connections: accepted, refused, dropped, silent."""

import pytest

from skyferry.simulator.identity import Credentials
from skyferry.simulator.mqtt import Connection, ConnectionFailedError, ConnectionRefusedByServerError
from tests.unit.simulator.broker import Broker, eventually

CREDENTIALS = Credentials("client|a=b|", "name&key", "password")


def connection(received: list[tuple[str, bytes]] | None = None) -> Connection:
    messages = [] if received is None else received
    return Connection(CREDENTIALS, clean_session=True, on_message=lambda *message: messages.append(message))


async def test_connect_packet(broker: Broker) -> None:
    client = connection()
    await client.open("127.0.0.1", broker.port, 300)
    assert broker.sessions[0].connect == (
        b"\x00\x04MQTT\x04\xc2\x01\x2c\x00\x0bclient|a=b|\x00\x08name&key\x00\x08password"
    )
    await client.close()
    assert client.lost.is_set()


async def test_pings_at_once_and_says_goodbye(broker: Broker) -> None:
    client = connection()
    await client.open("127.0.0.1", broker.port, 300)
    await client.close()
    await eventually(lambda: broker.sessions[0].packets == [12, 14])


async def test_messages_in_both_directions(broker: Broker) -> None:
    received: list[tuple[str, bytes]] = []
    client = connection(received)
    await client.open("127.0.0.1", broker.port, 300)
    client.publish("/up", b"{}", 0)
    client.publish("/up", b"{}", 1)
    broker.sessions[0].publish("/down", b"text")
    await eventually(lambda: len(broker.reports) == 2 and len(received) == 1)
    assert [(report.topic, report.qos) for report in broker.reports] == [("/up", 0), ("/up", 1)]
    assert received == [("/down", b"text")]
    await client.close()


@pytest.mark.parametrize("code", [1, 3, 4, 5])
async def test_refusal_has_its_code(broker: Broker, code: int) -> None:
    broker.connack = code
    with pytest.raises(ConnectionRefusedByServerError) as refused:
        await connection().open("127.0.0.1", broker.port, 300)
    assert refused.value.code == code


async def test_server_hangs_up_before_the_answer(broker: Broker) -> None:
    broker.connack = None
    with pytest.raises(ConnectionFailedError):
        await connection().open("127.0.0.1", broker.port, 300)


async def test_no_server(unused_tcp_port: int) -> None:
    with pytest.raises(ConnectionFailedError):
        await connection().open("127.0.0.1", unused_tcp_port, 300)


async def test_loss_is_noticed_and_not_repaired(broker: Broker) -> None:
    client = connection()
    await client.open("127.0.0.1", broker.port, 300)
    broker.sessions[0].drop()
    await eventually(client.lost.is_set)
    client.publish("/up", b"{}", 0)
    await client.close()
    assert len(broker.sessions) == 1


@pytest.mark.parametrize(("granted", "result"), [(0, True), (1, True), (0x80, False)])
async def test_subscription(broker: Broker, granted: int, result: bool) -> None:
    broker.suback = granted
    client = connection()
    await client.open("127.0.0.1", broker.port, 300)
    assert await client.subscribe(["/a", "/b"]) is result
    assert broker.sessions[0].subscribed == ["/a", "/b"]
    await client.close()
