"""MQTT 3.1.1, chapters 3.3 to 3.7 and 4.3 to 4.6: messages in both directions."""

import struct

import pytest

from tests.support.api import Application, Device
from tests.support.mqtt import PINGREQ, PINGRESP, PUBACK, SUBACK, Wire, packet, publish, subscribe, text, unsubscribe

FOREIGN = [
    "/a",
    "/ota/device/inform/a1Stub00001/another",
    "$SYS/broker/uptime",
    "/sys/a1Stub00001/another/thing/topo/add",
]


@pytest.fixture
def inform(device: Device) -> str:
    """The topic on which the device reports its version."""
    return topic(device, "inform")


def topic(device: Device, purpose: str) -> str:
    return f"/ota/device/{purpose}/{device.product_key}/{device.name}"


def version(number: int) -> bytes:
    return f'{{"id":"1","params":{{"version":"{number}"}}}}'.encode()


@pytest.mark.statement("2.3.1-5", "4.3.1-1", "3.3.1-2", "3.3.4-1", "3.3.1-9", "3.3.2-3")
def test_qos_0_has_no_identifier_in_either_direction(online: Wire, device: Device) -> None:
    online.send(publish(topic(device, "request"), b'{"id":7,"params":{"version":"1"}}', 0), PINGREQ)
    packets = [online.packet(), online.packet()]
    [reply] = [each for each in packets if each.first != PINGRESP]

    assert reply.first == 0x30, "QoS 0, DUP 0, RETAIN 0"
    assert reply.body.startswith(text(topic(device, "request")) + b"{"), "though nothing was subscribed to"


@pytest.mark.statement("3.3.1-2")
def test_dup_at_qos_0_ends_the_connection(online: Wire, inform: str) -> None:
    online.send(publish(inform, version(1), 0, dup=True))

    assert online.rest() == []


@pytest.mark.statement("3.3.1-4")
@pytest.mark.parametrize("dup", [False, True])
def test_qos_3_ends_the_connection(online: Wire, inform: str, *, dup: bool) -> None:
    online.send(publish(inform, version(1), 3, dup=dup))

    assert online.rest() == []


@pytest.mark.statement("4.3.3-2", "3.3.4-1")
def test_qos_2_ends_the_connection(online: Wire, application: Application, device: Device, inform: str) -> None:
    online.send(publish(inform, version(1), 1, 1), publish(inform, version(2), 2, 2), PINGREQ)

    assert (0x50, b"\0\2") not in online.rest()
    assert application.version(device) != "2"


@pytest.mark.statement("4.3.3-2")
@pytest.mark.parametrize("first", [0x50, 0x62, 0x70], ids=["PUBREC", "PUBREL", "PUBCOMP"])
def test_packets_of_qos_2_end_the_connection(online: Wire, first: int) -> None:
    online.send(packet(first, b"\0\1"))

    assert online.rest() == []


@pytest.mark.statement("2.3.1-6", "4.3.2-2", "3.3.4-1")
@pytest.mark.parametrize("number", [1, 255, 256, 65_535])
def test_qos_1_is_acknowledged_when_it_is_owned(
    online: Wire, application: Application, device: Device, inform: str, number: int
) -> None:
    for dup in (False, True):  # after PUBACK the identifier is free, whatever DUP says
        online.send(publish(inform, version(number + dup), 1, number, dup=dup))
        assert online.packet() == (PUBACK, struct.pack(">H", number))
        assert application.version(device) == str(number + dup)


@pytest.mark.statement("4.6.0-2", "4.6.0-5")
def test_acknowledgements_are_in_the_order_of_the_messages(
    online: Wire, application: Application, device: Device, inform: str
) -> None:
    numbers = [*range(600, 0, -2), *range(1, 600, 2)]
    topics = [inform, f"/{device.product_key}/{device.name}/user/a", "/a"]
    online.send(*(publish(topics[number % 3], version(number), 1, number) for number in numbers))

    assert [online.packet().body for _ in numbers] == [struct.pack(">H", number) for number in numbers]
    assert application.version(device) == "597", "the last that is a report"


@pytest.mark.statement("3.3.5-2")
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_is_not_allowed_is_acknowledged_and_dropped(online: Wire, foreign: str) -> None:
    online.send(publish(foreign, version(1), 0), publish(foreign, version(1), 1, 5), PINGREQ)

    assert [online.packet(), online.packet()] == [(PUBACK, b"\0\5"), (PINGRESP, b"")]


@pytest.mark.statement("3.3.1-5", "3.3.1-6", "3.3.1-7", "3.3.1-10", "3.3.1-11", "3.3.1-12")
@pytest.mark.parametrize("payload", [b"kept?", b""])
@pytest.mark.parametrize("qos", [0, 1])
def test_nothing_is_retained(online: Wire, device: Device, payload: bytes, qos: int) -> None:
    own = f"/{device.product_key}/{device.name}/user/get"
    online.send(publish(own, payload, qos, 1, retain=True), publish(own, payload, qos, 2))
    online.send(subscribe(3, [(own, 1)]), PINGREQ)

    answers = [online.packet() for _ in range(2 + 2 * qos)]
    assert answers[-2:] == [(SUBACK, b"\0\3\1"), (PINGRESP, b"")]


@pytest.mark.statement("2.3.1-4", "4.3.2-1", "3.8.4-6", "3.3.5-1", "3.10.4-2", "3.10.4-3")
def test_pushes_are_sent_once_at_qos_1_whatever_was_subscribed(
    wire: Wire, application: Application, product: str
) -> None:
    device = application.register(product, "pushed")
    upgrade = topic(device, "upgrade")
    wire.log_in(device)
    filters: list[tuple[str | bytes, int]] = [(upgrade, 0), ("/ota/#", 0), (f"/ota/device/+/{product}/+", 1)]
    wire.send(subscribe(1, filters), unsubscribe(2, [each for each, _ in filters]))
    assert [wire.packet().first, wire.packet().first] == [SUBACK, 0xB0]
    for number, module in enumerate(("first", "second", "third")):
        wire.send(publish(topic(device, "inform"), f'{{"params":{{"version":"1","module":"{module}"}}}}'.encode(), 1))
        assert wire.packet().first == PUBACK
        application.call("CreateOTAModule", ProductKey=product, ModuleName=module)
        firmware = application.create_package(
            product, b"x", f"2.{number}", NeedToVerify=False, ModuleName=module, FirmwareName=module
        )
        application.create_job(firmware, product, [device.name], MultiModuleMode=True)
        message = wire.message()
        assert message[:1] + message[2:] == (upgrade, 1, number + 1, False, False), "an identifier that is not in use"
    wire.send(packet(PUBACK, b"\0\1"), packet(PUBACK, b"\0\3"), packet(PUBACK, b"\xff\xff"), PINGREQ)

    assert wire.packet() == (PINGRESP, b""), "each came once, and acknowledging more than was sent is harmless"
