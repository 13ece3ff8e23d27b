"""MQTT 3.1.1, chapter 6: WebSocket as the transport."""

from collections.abc import Iterator, Sequence

import pytest

from tests.support.api import Device
from tests.support.mqtt import CONNACK, PINGREQ, PINGRESP, Wire, connect, publish, subscribe
from tests.support.server import Server
from tests.support.websocket import BINARY, CONTINUATION, TEXT, WebSocketWire

ACCEPTED = (CONNACK, b"\0\0")
UNSUPPORTED_DATA = 1003


@pytest.fixture
def websocket(server: Server) -> Iterator[WebSocketWire]:
    """A WebSocket in which nothing was said."""
    with WebSocketWire(server.http) as opened:
        yield opened


@pytest.mark.statement("6.0.0-1")
def test_the_server_sends_binary_frames(websocket: WebSocketWire, device: Device) -> None:
    websocket.log_in(device)
    websocket.send(PINGREQ)

    assert websocket.packet() == (PINGRESP, b"")
    assert set(websocket.opcodes) == {BINARY}


@pytest.mark.statement("6.0.0-1")
@pytest.mark.parametrize("logged_in", [False, True])
def test_a_text_frame_ends_the_connection(websocket: WebSocketWire, device: Device, logged_in: bool) -> None:
    if logged_in:
        websocket.log_in(device)
    websocket.frame(TEXT, connect(device, more="")[:1])

    assert websocket.rest() == []
    assert websocket.close_code == UNSUPPORTED_DATA


@pytest.mark.statement("6.0.0-2")
def test_a_packet_may_come_in_many_frames(websocket: WebSocketWire, device: Device) -> None:
    for byte in connect(device) + PINGREQ:
        websocket.send(bytes([byte]))

    assert [websocket.packet(), websocket.packet()] == [ACCEPTED, (PINGRESP, b"")]


@pytest.mark.statement("6.0.0-2")
def test_a_frame_may_hold_many_packets(websocket: WebSocketWire, device: Device) -> None:
    """And the beginning of another."""
    own = f"/{device.product_key}/{device.name}/user/get"
    report = publish(f"/ota/device/inform/{device.product_key}/{device.name}", b'{"params":{"version":"1"}}', 1, 7)
    websocket.send(connect(device), subscribe(1, [(own, 1)]), report, PINGREQ[:1])
    websocket.send(PINGREQ[1:])

    answers = [websocket.packet() for _ in range(4)]
    assert answers[0] == ACCEPTED
    assert {first for first, _ in answers[1:]} == {0x90, 0x40, PINGRESP}


@pytest.mark.statement("6.0.0-2")
def test_a_message_of_several_frames_is_one_piece_of_the_stream(websocket: WebSocketWire, device: Device) -> None:
    hello = connect(device)
    websocket.frame(BINARY, hello[:5], last=False)
    websocket.frame(CONTINUATION, hello[5:9], last=False)
    websocket.frame(CONTINUATION, hello[9:] + PINGREQ)

    assert [websocket.packet(), websocket.packet()] == [ACCEPTED, (PINGRESP, b"")]


@pytest.mark.statement("6.0.0-4")
@pytest.mark.parametrize("path", ["/mqtt", "/"])
@pytest.mark.parametrize("offers", [("mqtt",), ("chat", "mqtt"), ("mqttv3.1", "mqtt")])
def test_the_server_chooses_mqtt(server: Server, device: Device, path: str, offers: Sequence[str]) -> None:
    with WebSocketWire(server.http, path, offers) as websocket:
        assert websocket.subprotocol == "mqtt"
        websocket.log_in(device)


def test_a_client_of_mqtt_3_1_may_have_its_own_subprotocol(server: Server, device: Device) -> None:
    with WebSocketWire(server.http, offers=("mqttv3.1",)) as websocket:
        assert websocket.subprotocol == "mqttv3.1"
        websocket.log_in(device, name="MQIsdp", level=3)


def test_a_log_in_over_websocket_replaces_one_over_tcp(online: Wire, websocket: WebSocketWire, device: Device) -> None:
    websocket.log_in(device)

    assert online.rest() == []
