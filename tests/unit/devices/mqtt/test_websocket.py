"""MQTT over WebSocket, on a socket of the HTTP server, with a handler that the test plays."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from aiohttp.test_utils import TestServer

from skyferry.devices.limits import MqttLimits
from skyferry.devices.mqtt.codec import encode
from skyferry.devices.mqtt.interface import Peer
from skyferry.devices.mqtt.packets import ConnAck, ConnectCode, Disconnect, PingReq, PingResp, Publish
from skyferry.devices.mqtt.server import MqttServer
from skyferry.devices.mqtt.websocket import WebSocketEndpoint
from tests.unit.devices.mqtt.endpoint import CONNECT, FakeHandler
from tests.unit.devices.support import PATIENCE, until

ACCEPTED = encode(ConnAck(ConnectCode.ACCEPTED))
PEER = Peer("203.0.113.9", encrypted=True)
HELLO = encode(CONNECT)
PING = encode(PingReq())


class Endpoint:
    def __init__(self, http: ClientSession, address: str, handler: FakeHandler, mqtt: MqttServer) -> None:
        self.http = http
        self.address = address
        self.handler = handler
        self.mqtt = mqtt

    async def connect(self, path: str = "/mqtt", *protocols: str) -> ClientWebSocketResponse:
        return await self.http.ws_connect(self.address + path, protocols=protocols or ("mqtt",))


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    handler = FakeHandler()
    limits = MqttLimits(linger_s=0.2, sweep_s=0.05, payload_bytes=65_536, frame_bytes=131_072)
    mqtt = MqttServer(handler, limits)
    await mqtt.listen("127.0.0.1", 0)
    websocket = WebSocketEndpoint(mqtt, lambda _: PEER)

    async def api(_: web.Request) -> web.Response:
        return web.Response(text="api")

    application = web.Application()
    application.add_routes([websocket.beside(web.route("*", "/", api)), *websocket.routes()])
    http = TestServer(application, host="127.0.0.1")
    await http.start_server()
    async with ClientSession() as session:
        yield Endpoint(session, str(http.make_url("")).rstrip("/"), handler, mqtt)
        mqtt.close()
        await http.close()
        await mqtt.stop()
    assert not mqtt.connections


async def received(client: ClientWebSocketResponse, length: int) -> bytes:
    """The next bytes, of however many frames."""
    data = b""
    async with asyncio.timeout(PATIENCE):
        while len(data) < length:
            data += await client.receive_bytes()
    return data


@pytest.mark.parametrize(("path", "protocol"), [("/mqtt", "mqtt"), ("/", "mqtt"), ("/mqtt", "mqttv3.1")])
async def test_a_device_logs_in(endpoint: Endpoint, path: str, protocol: str) -> None:
    async with await endpoint.connect(path, "other", protocol) as client:
        assert client.protocol == protocol
        await client.send_bytes(HELLO)
        assert await received(client, len(ACCEPTED)) == ACCEPTED
        await client.send_bytes(encode(Disconnect()))
        assert (await client.receive(PATIENCE)).type is WSMsgType.CLOSE
    assert endpoint.handler.asked == [(CONNECT, PEER)]
    assert endpoint.handler.session.ends == ["disconnect"]


async def test_packets_span_and_share_frames(endpoint: Endpoint) -> None:
    async with await endpoint.connect() as client:
        for piece in (HELLO[:5], HELLO[5:] + PING + PING[:1], PING[1:]):
            await client.send_bytes(piece)
        answers = ACCEPTED + encode(PingResp()) * 2
        assert await received(client, len(answers)) == answers


async def test_a_text_frame_ends_the_connection(endpoint: Endpoint) -> None:
    async with await endpoint.connect() as client:
        await client.send_bytes(HELLO)
        await received(client, len(ACCEPTED))
        await client.send_str("text")
        assert (await client.receive(PATIENCE)).data == 1003
    assert endpoint.handler.session.ends == ["text_frame"]


async def test_a_frame_that_is_too_large_ends_the_connection(endpoint: Endpoint) -> None:
    async with await endpoint.connect() as client:
        await client.send_bytes(HELLO)
        await received(client, len(ACCEPTED))
        await client.send_bytes(bytes(131_073))
        assert (await client.receive(PATIENCE)).data == 1009
    await until(lambda: len(endpoint.handler.session.ends) == 1)


async def test_a_client_that_just_goes(endpoint: Endpoint) -> None:
    async with await endpoint.connect() as client:
        await client.send_bytes(HELLO)
        await received(client, len(ACCEPTED))
    await until(lambda: endpoint.handler.session.ends == ["closed_by_client"])
    await until(lambda: not endpoint.mqtt.connections)


async def test_a_client_that_does_not_read_is_cut_off(endpoint: Endpoint) -> None:
    async with await endpoint.connect() as client:
        await client.send_bytes(HELLO)
        await received(client, len(ACCEPTED))
        channel = endpoint.handler.session.channel
        assert channel
        for _ in range(2_000):
            channel.publish("t", bytes(60_000))
            if endpoint.handler.session.ends:
                break
        assert endpoint.handler.session.ends == ["does_not_read"]
        assert channel.unread == 0


async def test_what_comes_during_the_log_in_waits(endpoint: Endpoint) -> None:
    endpoint.handler.gate.clear()
    async with await endpoint.connect() as client:
        await client.send_bytes(HELLO)
        await until(lambda: bool(endpoint.handler.asked))
        for number in range(1, 400):
            await client.send_bytes(encode(Publish("t", b"%d" % number)))
        assert endpoint.handler.session.published == []
        endpoint.handler.gate.set()
        await until(lambda: len(endpoint.handler.session.published) == 399)


async def test_a_refused_device_is_answered(endpoint: Endpoint) -> None:
    endpoint.handler.refusal = ConnectCode.BAD_CREDENTIALS
    async with await endpoint.connect() as client:
        await client.send_bytes(HELLO)
        answer = encode(ConnAck(ConnectCode.BAD_CREDENTIALS))
        assert await received(client, len(answer)) == answer
        assert (await client.receive(PATIENCE)).type is WSMsgType.CLOSE


async def test_the_end_of_the_server_is_told(endpoint: Endpoint) -> None:
    async with await endpoint.connect() as client:
        await client.send_bytes(HELLO)
        await received(client, len(ACCEPTED))
        endpoint.mqtt.close()
        assert endpoint.handler.session.ends == ["server_stop"]
        assert (await client.receive(PATIENCE)).type is WSMsgType.CLOSE


@pytest.mark.parametrize("headers", [{}, {"Upgrade": "h2c", "Connection": "Upgrade"}])
async def test_other_requests_are_not_disturbed(endpoint: Endpoint, headers: dict[str, str]) -> None:
    async with endpoint.http.get(endpoint.address + "/", headers=headers) as answer:
        assert await answer.text() == "api"
    async with endpoint.http.get(endpoint.address + "/mqtt", headers=headers) as answer:
        assert answer.status == 426


@pytest.mark.parametrize("name", ["Connection", "Sec-WebSocket-Version", "Sec-WebSocket-Key"])
async def test_a_handshake_that_is_not_ascii_is_refused(endpoint: Endpoint, name: str) -> None:
    right = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Protocol": "mqtt",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
    }
    lines = "".join(f"{key}: {value}\r\n" for key, value in right.items() if key != name)
    host, _, port = endpoint.address.rpartition("/")[2].partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /mqtt HTTP/1.1\r\nHost: a\r\n%s%s: \xc9\r\n\r\n" % (lines.encode(), name.encode()))
    assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_the_subprotocol_must_be_offered(endpoint: Endpoint) -> None:
    async with endpoint.http.get(endpoint.address + "/mqtt", headers={"Upgrade": "websocket"}) as answer:
        assert answer.status == 400
        assert "subprotocol mqtt" in await answer.text()
