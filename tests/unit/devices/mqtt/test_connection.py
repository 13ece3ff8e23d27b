"""A connection through a loopback socket, with a handler that the test plays."""

import asyncio

import pytest

from skyferry.devices.limits import MqttLimits
from skyferry.devices.mqtt.codec import encode
from skyferry.devices.mqtt.errors import UnacknowledgedError
from skyferry.devices.mqtt.interface import Peer
from skyferry.devices.mqtt.packets import (
    ConnAck,
    ConnectCode,
    Disconnect,
    Packet,
    PingReq,
    PingResp,
    PubAck,
    Publish,
    PubRel,
    SubAck,
    Subscribe,
    UnsubAck,
    Unsubscribe,
)
from tests.unit.devices.mqtt.endpoint import ACCEPTED, CONNECT, Endpoint, Serve, stored
from tests.unit.devices.support import until


@pytest.fixture
async def endpoint(serve: Serve) -> Endpoint:
    return await serve(MqttLimits(linger_s=0.2, sweep_s=0.05))


async def test_log_in_and_goodbye(endpoint: Endpoint) -> None:
    async with endpoint.client() as client:
        await client.send(CONNECT)
        assert await client.receive() == ACCEPTED
        assert endpoint.handler.asked == [(CONNECT, Peer("127.0.0.1"))]
        await client.send(PingReq())
        assert await client.receive() == PingResp()
        await client.send(Disconnect(), Publish("a", b"too late"))
        assert await client.closed() == []
    assert endpoint.session.ends == ["disconnect"]
    assert endpoint.session.published == []


@pytest.mark.parametrize("code", [ConnectCode.IDENTIFIER_REJECTED, ConnectCode.BAD_CREDENTIALS])
async def test_a_refusal_is_answered_and_closed(endpoint: Endpoint, code: ConnectCode) -> None:
    endpoint.handler.refusal = code
    async with endpoint.client() as client:
        await client.send(CONNECT, PingReq())
        assert await client.closed() == [ConnAck(code)]
    assert endpoint.session.channel is None
    assert endpoint.session.ends == []


async def test_a_failing_handler_answers_unavailable(endpoint: Endpoint) -> None:
    endpoint.handler.error = RuntimeError("a bug")
    async with endpoint.client() as client:
        await client.send(CONNECT)
        assert await client.closed() == [ConnAck(ConnectCode.SERVER_UNAVAILABLE)]


async def test_another_protocol_version_is_answered(endpoint: Endpoint) -> None:
    async with endpoint.client() as client:
        await client.send(bytes.fromhex("100e00044d5154540502003c00000161"))
        assert await client.closed() == [ConnAck(ConnectCode.UNACCEPTABLE_PROTOCOL)]
    assert endpoint.handler.asked == []


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\0", encode(PingReq()), encode(Publish("a", b""))]
)
async def test_anything_but_connect_closes(endpoint: Endpoint, first: bytes) -> None:
    async with endpoint.client() as client:
        await client.send(first)
        assert await client.closed() == []
    assert endpoint.handler.asked == []


@pytest.mark.parametrize(
    "packet", [CONNECT, ACCEPTED, SubAck(1, (0,)), PubRel(1), Publish("a", b"", 2, 5), b"\xf0\0", b"\x30\x02\0\0"]
)
async def test_a_violation_after_the_log_in_closes(endpoint: Endpoint, packet: Packet | bytes) -> None:
    async with endpoint.client() as client:
        await client.send(CONNECT)
        assert await client.receive() == ACCEPTED
        await client.send(PingReq(), packet, PingReq())
        assert await client.closed() == [PingResp()]
    assert len(endpoint.session.ends) == 1
    assert endpoint.session.published == []


async def test_a_client_that_just_goes(endpoint: Endpoint) -> None:
    async with endpoint.client() as client:
        await client.send(CONNECT)
        await client.receive()
    await until(lambda: endpoint.session.ends == ["closed_by_client"])
    await until(lambda: not endpoint.server.connections)


async def test_what_comes_right_behind_connect_waits_for_the_log_in(endpoint: Endpoint) -> None:
    endpoint.handler.gate.clear()
    async with endpoint.client() as client:
        late = [Publish("t", b"%d" % number, 1, number) for number in range(1, 600)]
        await client.send(CONNECT, *late[:300], encode(late[300])[:5])
        await until(lambda: bool(endpoint.handler.asked))
        await client.send(encode(late[300])[5:], *late[301:])
        assert endpoint.session.published == []
        endpoint.handler.gate.set()
        assert await client.receive() == ACCEPTED
        assert [await client.receive() for _ in late] == [PubAck(each.packet_id) for each in late]
    assert endpoint.session.published == [("t", each.payload) for each in late]


async def test_a_client_that_goes_during_the_log_in(endpoint: Endpoint) -> None:
    endpoint.handler.gate.clear()
    async with endpoint.client() as client:
        await client.send(CONNECT)
        await until(lambda: bool(endpoint.handler.asked))
    endpoint.handler.gate.set()
    await until(lambda: not endpoint.server.connections)
    assert len(endpoint.session.ends) == (endpoint.session.channel is not None)


async def test_stopping_during_the_log_in_opens_no_session(endpoint: Endpoint) -> None:
    endpoint.handler.gate.clear()
    async with endpoint.client() as client:
        await client.send(CONNECT)
        await until(lambda: bool(endpoint.handler.asked))
        stopping = asyncio.create_task(endpoint.server.stop())
        assert await client.closed() == []
        endpoint.handler.gate.set()
        await stopping
    assert endpoint.session.channel is None


async def test_puback_waits_for_the_store_and_keeps_the_order(endpoint: Endpoint) -> None:
    first, third = stored(), stored()
    endpoint.session.outcomes = [first, None, third]
    async with endpoint.client() as client:
        await client.send(CONNECT, *(Publish("t", b"", 1, number) for number in (1, 2, 3)), PingReq())
        assert await client.receive() == ACCEPTED
        assert await client.receive() == PingResp(), "nothing is acknowledged before it is stored"
        third.set_result(None)
        await client.send(PingReq())
        assert await client.receive() == PingResp(), "the third waits for the first"
        first.set_result(None)
        assert [await client.receive() for _ in range(3)] == [PubAck(1), PubAck(2), PubAck(3)]
        await client.send(Publish("t", b"", 1, 4))
        assert await client.receive() == PubAck(4)


async def test_what_is_not_stored_is_not_acknowledged(endpoint: Endpoint) -> None:
    good, bad, never = stored(), stored(), stored()
    endpoint.session.outcomes = [good, bad, never]
    async with endpoint.client() as client:
        await client.send(CONNECT, *(Publish("t", b"", 1, number) for number in (1, 2, 3)))
        assert await client.receive() == ACCEPTED
        await until(lambda: len(endpoint.session.published) == 3)
        bad.set_exception(ConnectionError("no store"))
        good.set_result(None)
        assert await client.closed() == [PubAck(1)]
    assert endpoint.session.ends == ["not_stored"]


async def test_a_message_that_is_not_taken_over_has_no_puback_and_costs_no_connection(endpoint: Endpoint) -> None:
    taken, refused = stored(), stored()
    endpoint.session.outcomes = [taken, refused]
    async with endpoint.client() as client:
        await client.send(CONNECT, *(Publish("t", b"", 1, number) for number in (1, 2, 3)))
        assert await client.receive() == ACCEPTED
        await until(lambda: len(endpoint.session.published) == 3)
        refused.set_exception(UnacknowledgedError())
        taken.set_result(None)
        assert [await client.receive() for _ in range(2)] == [PubAck(1), PubAck(3)]
    assert "not_stored" not in endpoint.session.ends


async def test_a_qos_0_message_that_is_not_stored_is_forgotten(endpoint: Endpoint) -> None:
    bad = stored()
    endpoint.session.outcomes = [bad]
    async with endpoint.client() as client:
        await client.send(CONNECT, Publish("t", b""), Publish("t", b"", 1, 2))
        assert await client.receive() == ACCEPTED
        await until(lambda: len(endpoint.session.published) == 2)
        bad.set_exception(ConnectionError("no store"))
        assert await client.receive() == PubAck(2)


async def test_subscriptions_are_answered_before_what_follows_from_them(endpoint: Endpoint) -> None:
    def push() -> None:
        assert endpoint.session.channel is not None
        endpoint.session.channel.publish("t", b"x", 9)

    endpoint.session.on_subscribed = push
    async with endpoint.client() as client:
        await client.send(CONNECT, Subscribe(5, (("a", 0), ("b", 2))), Unsubscribe(6, ("a",)), PubAck(9))
        assert await client.receive() == ACCEPTED
        assert await client.receive() == SubAck(5, (0, 1))
        assert await client.receive() == Publish("t", b"x", 1, 9)
        assert await client.receive() == UnsubAck(6)
        await until(lambda: endpoint.session.acknowledged_ids == [9])
    assert endpoint.session.unsubscribed == ["a"]


async def test_close_sends_what_was_published_before(endpoint: Endpoint) -> None:
    async with endpoint.client() as client:
        await client.send(CONNECT)
        assert await client.receive() == ACCEPTED
        assert endpoint.session.channel is not None
        endpoint.session.channel.publish("t", b"last")
        endpoint.session.channel.close("test")
        assert endpoint.session.ends == ["test"], "told before close returns"
        endpoint.session.channel.publish("t", b"after the end")
        endpoint.session.channel.close("again")
        assert await client.closed() == [Publish("t", b"last")]
    assert endpoint.session.ends == ["test"]


async def test_stop_ends_all_and_refuses_new_ones(endpoint: Endpoint) -> None:
    async with endpoint.client() as one, endpoint.client() as two:
        await one.send(CONNECT)
        assert await one.receive() == ACCEPTED
        await until(lambda: len(endpoint.server.connections) == 2)
        await endpoint.server.stop()
        assert await one.closed() == await two.closed() == []
    assert endpoint.session.ends == ["server_stop"]
    assert not endpoint.server.serving
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", endpoint.port)


async def test_many_clients_at_once(endpoint: Endpoint) -> None:
    async def visit() -> None:
        async with endpoint.client() as client:
            await client.send(CONNECT, Publish("t", b"", 1, 1))
            assert [await client.receive(), await client.receive()] == [ACCEPTED, PubAck(1)]

    await asyncio.gather(*(visit() for _ in range(200)))
    assert len(endpoint.session.published) == 200
