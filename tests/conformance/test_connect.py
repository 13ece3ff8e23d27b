"""MQTT 3.1.1, chapters 3.1, 3.2 and 3.14: how a connection begins and ends."""

import time

import pytest

from tests.support.api import Application, Device
from tests.support.mqtt import CONNACK, DISCONNECT, PINGREQ, PINGRESP, Wire, connect, credentials, packet, publish, text
from tests.support.server import Server, wait_until

ACCEPTED = (CONNACK, b"\0\0")
UNACCEPTABLE_PROTOCOL = (CONNACK, b"\0\1")
IDENTIFIER_REJECTED = (CONNACK, b"\0\2")
BAD_CREDENTIALS = (CONNACK, b"\0\4")
USERNAME, PASSWORD, WILL_RETAIN, WILL_QOS_1, WILL, CLEAN, RESERVED = 0x80, 0x40, 0x20, 0x08, 0x04, 0x02, 0x01
ILL_FORMED = b"\xff\xfe"


def fields(flags: int, *following: bytes, name: str | bytes = "MQTT", level: int = 4) -> bytes:
    """A CONNECT of these fields."""
    return packet(0x10, text(name) + bytes([level, flags]) + b"\0\x3c" + b"".join(following))


@pytest.fixture
def login(device: Device) -> tuple[bytes, bytes, bytes]:
    """ClientId, user name and password as fields."""
    client_id, username, password = map(text, credentials(device))
    return client_id, username, password


@pytest.mark.statement("3.1.4-4", "3.2.0-1", "3.2.2-1", "3.1.2-6", "3.1.4-3", "3.12.4-1")
def test_a_valid_connect_is_accepted(wire: Wire, device: Device) -> None:
    wire.send(connect(device), PINGREQ)

    assert [wire.packet(), wire.packet()] == [ACCEPTED, (PINGRESP, b"")]


@pytest.mark.statement("3.2.2-3", "3.1.2-4", "3.1.2-5", "4.4.0-1")
def test_without_clean_session_there_is_no_session_either(server: Server, device: Device) -> None:
    for _ in range(2):
        with Wire(server.mqtt) as wire:
            wire.send(connect(device, flags=USERNAME | PASSWORD))
            assert wire.packet() == ACCEPTED


@pytest.mark.statement("3.1.0-1")
@pytest.mark.parametrize("first", [PINGREQ, publish("/a", b""), DISCONNECT, b"GET / HTTP/1.1\r\n\r\n"])
def test_anything_but_connect_ends_the_connection(wire: Wire, first: bytes) -> None:
    wire.send(first)

    assert wire.rest() == []


@pytest.mark.statement("3.1.0-2")
def test_a_second_connect_ends_the_connection(online: Wire, device: Device) -> None:
    online.send(connect(device), PINGREQ)

    assert online.rest() == []


@pytest.mark.statement("3.1.2-1")
@pytest.mark.parametrize("name", ["mqtt", "MQTTT", "MQIsdp", "", "HTTP"])
def test_another_protocol_is_not_let_in(wire: Wire, device: Device, name: str) -> None:
    wire.send(connect(device, name=name), PINGREQ)

    assert wire.rest() == [UNACCEPTABLE_PROTOCOL]


@pytest.mark.statement("3.1.2-2", "3.2.2-4", "3.2.2-5")
@pytest.mark.parametrize("level", [0, 1, 2, 3, 5, 6, 0x84, 255])
def test_another_level_is_answered_with_code_1(wire: Wire, device: Device, level: int) -> None:
    wire.send(connect(device, level=level), PINGREQ)

    assert wire.rest() == [UNACCEPTABLE_PROTOCOL]


@pytest.mark.statement("3.1.2-3", "3.1.4-1", "3.2.2-6")
def test_the_reserved_flag_ends_the_connection(wire: Wire, device: Device) -> None:
    wire.send(connect(device, flags=USERNAME | PASSWORD | CLEAN | RESERVED))

    assert wire.rest() == []


@pytest.mark.statement("3.1.2-11", "3.1.2-13", "3.1.2-15")
@pytest.mark.parametrize("wrong", [WILL_QOS_1, WILL_QOS_1 << 1, WILL_RETAIN])
def test_flags_of_a_will_without_a_will_end_the_connection(wire: Wire, device: Device, wrong: int) -> None:
    wire.send(connect(device, flags=USERNAME | PASSWORD | CLEAN | wrong))

    assert wire.rest() == []


@pytest.mark.statement("3.1.2-11")
def test_fields_of_a_will_without_a_will_end_the_connection(wire: Wire, device: Device) -> None:
    wire.send(connect(device, will=text("/a") + text("gone")))

    assert wire.rest() == []


@pytest.mark.statement("3.1.2-14")
def test_a_will_of_qos_3_ends_the_connection(wire: Wire, device: Device) -> None:
    wire.send(connect(device, flags=USERNAME | PASSWORD | CLEAN | WILL | 0x18, will=text("/a") + text("gone")))

    assert wire.rest() == []


@pytest.mark.statement("3.1.2-9", "3.1.3-10")
@pytest.mark.parametrize("will", [b"", text("/a"), text(ILL_FORMED) + text("gone"), text("") + text("gone")])
def test_a_will_without_its_fields_ends_the_connection(
    wire: Wire, login: tuple[bytes, bytes, bytes], will: bytes
) -> None:
    wire.send(fields(CLEAN | WILL, login[0], will))

    assert wire.rest() == []


@pytest.mark.statement("3.1.2-8", "3.1.2-12", "3.1.2-16", "3.1.2-17", "3.14.4-3")
@pytest.mark.parametrize("flags", [WILL, WILL | WILL_QOS_1, WILL | WILL_QOS_1 | WILL_RETAIN])
@pytest.mark.parametrize("last", [b"", DISCONNECT], ids=["lost", "disconnect"])
def test_a_will_is_read_and_forgotten(
    application: Application, server: Server, device: Device, flags: int, last: bytes
) -> None:
    will = text(f"/ota/device/inform/{device.product_key}/{device.name}") + text('{"params":{"version":"will"}}')
    with Wire(server.mqtt) as wire:
        wire.log_in(device, flags=USERNAME | PASSWORD | CLEAN | flags, will=will)
        wire.send(last)
    with Wire(server.mqtt) as wire:
        wire.log_in(device)
        topic = f"/ota/device/inform/{device.product_key}/{device.name}"
        wire.send(publish(topic, b'{"params":{"version":"alive"}}', 1))
        wire.packet()

    assert application.version(device) == "alive"


@pytest.mark.statement("3.1.2-18", "3.1.2-19", "3.1.2-20", "3.1.2-21", "3.1.2-22", "3.1.4-1")
@pytest.mark.parametrize(
    ("flags", "present"),
    [
        (USERNAME, 0),
        (USERNAME, 2),
        (USERNAME | PASSWORD, 0),
        (USERNAME | PASSWORD, 1),
        (PASSWORD, 1),
        (PASSWORD, 2),
        (0, 1),
        (0, 2),
    ],
)
def test_user_name_and_password_are_where_their_flags_say(
    wire: Wire, login: tuple[bytes, bytes, bytes], flags: int, present: int
) -> None:
    wire.send(fields(flags | CLEAN, *login[: 1 + present]))

    assert wire.rest() == []


@pytest.mark.statement("3.1.2-18", "3.1.2-20")
@pytest.mark.parametrize("present", [0, 1])
def test_a_connect_without_user_name_or_password_is_refused(
    wire: Wire, login: tuple[bytes, bytes, bytes], present: int
) -> None:
    wire.send(fields((0, USERNAME)[present] | CLEAN, *login[: 1 + present]))

    assert wire.rest() == [BAD_CREDENTIALS]


@pytest.mark.statement("3.1.3-1")
def test_the_fields_have_one_order(wire: Wire, login: tuple[bytes, bytes, bytes]) -> None:
    client_id, username, password = login
    wire.send(fields(USERNAME | PASSWORD | CLEAN, client_id, password, username))

    assert wire.rest() == [BAD_CREDENTIALS], "what comes first is the user name"


@pytest.mark.statement("3.1.3-3", "3.1.4-1")
@pytest.mark.parametrize("body", [b"", text("MQTT"), text("MQTT") + b"\4\2", text("MQTT") + b"\4\2\0\x3c", b"\0"])
def test_a_connect_that_ends_too_early_ends_the_connection(wire: Wire, body: bytes) -> None:
    wire.send(packet(0x10, body))

    assert wire.rest() == []


@pytest.mark.statement("3.1.3-4", "3.1.3-11")
@pytest.mark.parametrize("wrong", [0, 1])
def test_client_id_and_user_name_are_utf_8(wire: Wire, login: tuple[bytes, bytes, bytes], wrong: int) -> None:
    parts = list(login)
    parts[wrong] = text(ILL_FORMED)
    wire.send(fields(USERNAME | PASSWORD | CLEAN, *parts))

    assert wire.rest() == []


@pytest.mark.statement("3.1.3-5", "3.1.3-8", "3.1.3-9", "7.0.0-2", "3.2.2-4", "3.2.2-5")
@pytest.mark.parametrize("flags", [0, CLEAN])
@pytest.mark.parametrize("client_id", ["", "a", "0123456789abcdefghijkLM"])
def test_a_client_id_without_the_platform_s_parameters_is_refused_with_code_2(
    wire: Wire, login: tuple[bytes, bytes, bytes], client_id: str, flags: int
) -> None:
    wire.send(fields(USERNAME | PASSWORD | flags, text(client_id), *login[1:]))

    assert wire.rest() == [IDENTIFIER_REJECTED]


@pytest.mark.statement("3.1.3-2", "3.1.4-2")
def test_a_device_that_connects_again_under_another_client_id_replaces_itself(server: Server, device: Device) -> None:
    with Wire(server.mqtt) as first, Wire(server.mqtt) as second:
        first.log_in(device)
        second.log_in(device, more="_v=other,")
        assert first.rest() == []
        second.send(PINGREQ)
        assert second.packet() == (PINGRESP, b"")


@pytest.mark.statement("3.1.4-5")
def test_nothing_after_a_refused_connect_is_processed(wire: Wire, application: Application, product: str) -> None:
    refused = application.register(product, "refused")
    topic = f"/ota/device/inform/{product}/{refused.name}"
    wire.send(connect(refused, secret="guessed"), publish(topic, b'{"params":{"version":"9"}}', 1), PINGREQ)

    assert wire.rest() == [BAD_CREDENTIALS]
    assert application.version(refused) == ""


@pytest.mark.statement("3.1.2-24")
def test_one_and_a_half_keepalive_times_of_silence_end_the_connection(wire: Wire, device: Device) -> None:
    wire.log_in(device, keepalive=2)
    begun = time.monotonic()

    assert wire.rest() == []
    assert time.monotonic() - begun >= 2.5, "the client has half its keepalive time to be late"


@pytest.mark.statement("4.1.0-1", "4.1.0-2")
def test_a_session_lasts_as_long_as_its_connection(wire: Wire, application: Application, device: Device) -> None:
    def status() -> str:
        parameters = {"ProductKey": device.product_key, "DeviceName": device.name}
        return str(application.call("GetDeviceStatus", **parameters)["Data"]["Status"])

    wire.log_in(device, keepalive=0)
    wait_until(lambda: status() == "ONLINE", what="the device to be online")
    wire.send(DISCONNECT)
    assert wire.rest() == []
    wait_until(lambda: status() == "OFFLINE", what="the device to be offline")
