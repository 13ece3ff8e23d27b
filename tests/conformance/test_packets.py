"""MQTT 3.1.1, chapters 1, 2 and 4.7: fields and headers, whatever the packet."""

from collections.abc import Callable

import pytest

from tests.support.api import Device
from tests.support.mqtt import (
    PINGREQ,
    PINGRESP,
    PUBACK,
    SUBACK,
    Wire,
    connect,
    packet,
    publish,
    subscribe,
    text,
    unsubscribe,
)
from tests.support.server import Server

ILL_FORMED = [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80"]
NUL = b"/a\0b"


@pytest.fixture
def own(device: Device) -> str:
    """The beginning of the topics that an application invents for the device."""
    return f"/{device.product_key}/{device.name}"


@pytest.mark.statement("1.5.3-1", "3.8.3-1", "3.10.3-1", "3.3.2-1", "4.8.0-1")
@pytest.mark.parametrize("wrong", ILL_FORMED, ids=lambda wrong: wrong.hex())
@pytest.mark.parametrize("kind", ["publish", "subscribe", "unsubscribe"])
def test_ill_formed_text_ends_the_connection(online: Wire, kind: str, wrong: bytes) -> None:
    packets = {"publish": publish(wrong, b""), "subscribe": subscribe(1, [(wrong, 0)])}
    online.send(packets.get(kind, unsubscribe(1, [wrong])))

    assert online.rest() == []


@pytest.mark.statement("1.5.3-2", "4.7.3-2")
@pytest.mark.parametrize("wrong", [publish(NUL, b""), subscribe(1, [(NUL, 0)]), unsubscribe(1, [NUL])])
def test_text_with_nul_ends_the_connection(online: Wire, wrong: bytes) -> None:
    online.send(wrong)

    assert online.rest() == []


@pytest.mark.statement("1.5.3-3")
def test_a_byte_order_mark_is_part_of_the_text(online: Wire, own: str) -> None:
    online.send(subscribe(1, [(f"{own}/user/get", 0), (f"\ufeff{own}/user/get", 0)]))

    assert online.packet() == (SUBACK, b"\0\1\0\x80"), "what begins with the mark is no topic of the device"


@pytest.mark.statement("2.2.2-1", "2.2.2-2", "3.6.1-1", "3.8.1-1", "3.10.1-1", "3.14.1-1")
@pytest.mark.parametrize(
    ("kind", "right", "body"),
    [
        (0x40, 0, b"\0\1"),
        (0x60, 2, b"\0\1"),
        (0x80, 2, b"\0\1" + text("/a") + b"\0"),
        (0xA0, 2, b"\0\1" + text("/a")),
        (0xC0, 0, b""),
        (0xE0, 0, b""),
    ],
    ids=["PUBACK", "PUBREL", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ", "DISCONNECT"],
)
def test_wrong_flags_end_the_connection(server: Server, device: Device, kind: int, right: int, body: bytes) -> None:
    for flags in set(range(16)) - {right}:
        with Wire(server.mqtt) as wire:
            wire.log_in(device)
            wire.send(packet(kind | flags, body), PINGREQ)
            assert wire.rest() == [], f"flags {flags:#x}"


@pytest.mark.statement("2.2.2-2", "3.1.0-1")
@pytest.mark.parametrize("flags", range(1, 16))
def test_connect_with_flags_ends_the_connection(wire: Wire, device: Device, flags: int) -> None:
    right = connect(device)
    wire.send(bytes([right[0] | flags]), right[1:])

    assert wire.rest() == []


@pytest.mark.statement("2.3.1-1")
@pytest.mark.parametrize(
    "wrong", [publish("/a", b"", 1, 0), publish("/a", b"", 2, 0), subscribe(0, [("/a", 0)]), unsubscribe(0, ["/a"])]
)
def test_a_packet_identifier_of_zero_ends_the_connection(online: Wire, wrong: bytes) -> None:
    online.send(wrong)

    assert online.rest() == []


@pytest.mark.statement("2.3.1-7")
@pytest.mark.parametrize("number", [1, 255, 256, 65_535])
def test_answers_have_the_identifier_of_what_they_answer(online: Wire, own: str, number: int) -> None:
    wanted = number.to_bytes(2, "big")
    online.send(subscribe(number, [(f"{own}/user/get", 1)]), unsubscribe(number, [f"{own}/user/get"]))

    assert [online.packet(), online.packet()] == [(SUBACK, wanted + b"\1"), (0xB0, wanted)]


@pytest.mark.statement("4.7.1-1", "3.3.2-2", "4.7.3-1")
@pytest.mark.parametrize("topic", ["", "+", "#", "/a/+", "/a/#", "/a+"])
def test_a_topic_with_wildcards_or_without_characters_ends_the_connection(online: Wire, topic: str) -> None:
    online.send(publish(topic, b""))

    assert online.rest() == []


@pytest.mark.statement("4.7.1-2", "4.7.1-3", "4.7.3-1")
@pytest.mark.parametrize("wrong", ["", "#/a", "/a#", "/a/#/b", "a+", "/+a", "/a/b+/c", "##", "++"])
@pytest.mark.parametrize("make", [lambda each: subscribe(1, [(each, 0)]), lambda each: unsubscribe(1, [each])])
def test_a_filter_with_wildcards_in_the_wrong_place_ends_the_connection(
    online: Wire, make: Callable[[str], bytes], wrong: str
) -> None:
    online.send(make(wrong))

    assert online.rest() == []


@pytest.mark.statement("4.7.1-2", "4.7.1-3")
def test_wildcards_in_the_right_place_are_understood(online: Wire, own: str) -> None:
    right = ["#", f"{own}/#", "/+/+/user/get", "+/#", f"/sys{own}/thing/event/+/post_reply"]
    online.send(subscribe(1, [(each, 1) for each in right]))

    assert online.packet() == (SUBACK, b"\0\1" + b"\1" * len(right))


@pytest.mark.statement("4.7.3-4")
def test_topics_are_compared_as_they_are(online: Wire, own: str) -> None:
    others = [
        own.upper() + "/a",
        own.replace("/", "//") + "/a",
        f"/{own}/a",
        own + "\u0301/a",
        own.rstrip("/")[1:] + "/a",
    ]
    online.send(subscribe(1, [(each, 0) for each in others]))

    assert online.packet() == (SUBACK, b"\0\1" + b"\x80" * len(others))


@pytest.mark.statement("7.1.1-1")
def test_packets_need_not_arrive_whole_or_alone(wire: Wire, device: Device, own: str) -> None:
    wire.send(connect(device) + PINGREQ + publish(f"{own}/user/a", b"x" * 200, 1, 7)[:5])
    assert wire.packet() == (0x20, b"\0\0")
    assert wire.packet() == (PINGRESP, b"")
    for byte in publish(f"{own}/user/a", b"x" * 200, 1, 7)[5:] + PINGREQ:
        wire.send(bytes([byte]))

    assert [wire.packet(), wire.packet()] == [(PUBACK, b"\0\7"), (PINGRESP, b"")]


@pytest.mark.statement("4.8.0-1")
@pytest.mark.parametrize(
    "wrong",
    [
        b"\0\0",
        b"\xf0\0",
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30\xff\xff\xff\x7f",
        packet(0x20, b"\0\0"),
        packet(0x90, b"\0\1\0"),
        packet(0xB0, b"\0\1"),
        packet(0xD0, b""),
        packet(0x40, b"\0"),
        packet(0x40, b"\0\1\0"),
        packet(0xC0, b"x"),
        packet(0x82, b"\0\1\0\5/a"),
        packet(0x30, b"\0\x09/a"),
    ],
    ids=lambda wrong: wrong.hex(),
)
def test_what_a_client_may_not_send_ends_the_connection(online: Wire, wrong: bytes) -> None:
    online.send(PINGREQ, wrong, PINGREQ)

    assert online.rest() == [(PINGRESP, b"")]
