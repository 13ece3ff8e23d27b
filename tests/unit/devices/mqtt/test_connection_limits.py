"""Silence, limits and clients that do not read: what a connection bears, and what ends it."""

import asyncio
import socket

import pytest

from skyferry.devices.limits import MqttLimits
from skyferry.devices.mqtt.codec import encode
from skyferry.devices.mqtt.packets import Connect, PingReq, PingResp, PubAck, Publish
from tests.unit.devices.mqtt.endpoint import ACCEPTED, CONNECT, Serve, stored
from tests.unit.devices.support import PATIENCE, until


async def test_no_more_is_read_than_can_be_stored(serve: Serve) -> None:
    endpoint = await serve(MqttLimits(unanswered=4, sweep_s=0.02, keepalive_grace=0.5))
    waiting = [stored() for _ in range(40)]
    endpoint.session.outcomes = list(waiting)
    async with endpoint.client() as client:
        await client.send(Connect("c", keepalive=1))
        assert await client.receive() == ACCEPTED
        await client.send(*(Publish("t", b"", 1, number) for number in range(1, 41)))
        await until(lambda: len(endpoint.session.published) == 4)
        await asyncio.sleep(0.8)  # longer than the keepalive: it is the server that does not listen
        assert len(endpoint.session.published) == 4
        for position, future in enumerate(waiting):
            future.set_result(None)
            assert await client.receive() == PubAck(position + 1)
            assert len(endpoint.session.published) - position - 1 <= 4


async def test_silence_before_connect_ends_the_connection(serve: Serve) -> None:
    endpoint = await serve(MqttLimits(connect_timeout_s=0.05, sweep_s=0.02))
    async with endpoint.client() as client:
        await client.send(encode(CONNECT)[:-1])
        assert await client.closed() == []


async def test_silence_ends_the_connection_after_its_keepalive(serve: Serve) -> None:
    endpoint = await serve(MqttLimits(keepalive_grace=0.05, sweep_s=0.02))
    async with endpoint.client() as client:
        await client.send(Connect("c", keepalive=1))
        assert await client.closed() == [ACCEPTED]
    assert endpoint.session.ends == ["keepalive"]


@pytest.mark.parametrize("keepalive", [0, 65_535])
async def test_a_keepalive_beyond_the_limit_is_watched_at_the_limit(serve: Serve, keepalive: int) -> None:
    endpoint = await serve(MqttLimits(keepalive_most_s=0.05, sweep_s=0.02))
    async with endpoint.client() as client:
        await client.send(Connect("c", keepalive=keepalive))
        assert await client.closed() == [ACCEPTED]
    assert endpoint.session.ends == ["keepalive"]


async def test_pings_keep_a_connection(serve: Serve) -> None:
    endpoint = await serve(MqttLimits(sweep_s=3_600))
    async with endpoint.client() as client:
        await client.send(CONNECT)
        assert await client.receive() == ACCEPTED
        (connection,) = endpoint.server.connections
        assert connection.patience >= 60 * 1.5
        endpoint.server.now += 80
        assert endpoint.server.now - connection.heard == 80
        await client.send(PingReq())
        assert await client.receive() == PingResp()
        assert connection.heard == endpoint.server.now


async def test_a_client_that_does_not_read_is_cut_off(serve: Serve) -> None:
    endpoint = await serve(MqttLimits(unread_bytes=100_000))
    raw = socket.socket()
    raw.setblocking(False)  # noqa: FBT003 - the standard library's signature
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(raw, ("127.0.0.1", endpoint.port))
    await loop.sock_sendall(raw, encode(CONNECT))
    await until(lambda: endpoint.session.channel is not None)
    assert endpoint.session.channel is not None
    async with asyncio.timeout(PATIENCE):
        while not endpoint.session.ends:
            endpoint.session.channel.publish("t", bytes(50_000))
            await asyncio.sleep(0)
    assert endpoint.session.ends == ["does_not_read"]
    await until(lambda: not endpoint.server.connections)
    raw.close()


async def test_a_closing_client_that_does_not_read_is_not_waited_for_for_ever(serve: Serve) -> None:
    endpoint = await serve(MqttLimits(linger_s=0.1, sweep_s=0.02, unread_bytes=1 << 30))
    async with endpoint.client() as client:
        await client.send(CONNECT)
        assert await client.receive() == ACCEPTED
        assert endpoint.session.channel is not None
        for _ in range(300):
            endpoint.session.channel.publish("t", bytes(100_000))
        endpoint.session.channel.close("test")
        assert endpoint.server.connections
        await until(lambda: not endpoint.server.connections)


async def test_too_large_a_packet_closes(serve: Serve) -> None:
    endpoint = await serve(MqttLimits(payload_bytes=1_000, overhead_bytes=100))
    async with endpoint.client() as client:
        await client.send(CONNECT, Publish("t", bytes(1_000), 1, 1))
        assert [await client.receive(), await client.receive()] == [ACCEPTED, PubAck(1)]
        await client.send(encode(Publish("t", bytes(1_100), 1, 1))[:4])
        assert await client.closed() == []
