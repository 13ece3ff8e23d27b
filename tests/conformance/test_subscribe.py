"""MQTT 3.1.1, chapters 3.8 to 3.11: subscriptions. They tell that a device listens, and route nothing."""

import pytest

from tests.support.api import Device
from tests.support.mqtt import PINGREQ, PINGRESP, SUBACK, UNSUBACK, Wire, packet, subscribe, unsubscribe


@pytest.fixture
def own(device: Device) -> str:
    """The beginning of the topics that an application invents for the device."""
    return f"/{device.product_key}/{device.name}/user"


@pytest.mark.statement("3.8.3-3", "3.10.3-2")
@pytest.mark.parametrize("first", [0x82, 0xA2])
@pytest.mark.parametrize("body", [b"", b"\0", b"\0\1"])
def test_no_filter_at_all_ends_the_connection(online: Wire, first: int, body: bytes) -> None:
    online.send(packet(first, body))

    assert online.rest() == []


@pytest.mark.statement("3.8.3-4")
@pytest.mark.parametrize("qos", [3, 4, 8, 0x80, 0xFF])
def test_an_unknown_qos_ends_the_connection(online: Wire, own: str, qos: int) -> None:
    online.send(subscribe(1, [(own, 0), (own, qos)]))

    assert online.rest() == []


@pytest.mark.statement("3.8.4-1", "3.8.4-2", "3.8.4-4", "3.8.4-5", "3.9.3-1", "3.9.3-2")
def test_each_filter_gets_its_code_in_one_answer(online: Wire, own: str) -> None:
    filters: list[tuple[str | bytes, int]] = [(f"{own}/a", 0), ("/x/another", 1), (f"{own}/b", 1), (f"{own}/c", 2)]
    online.send(subscribe(0x1234, filters), PINGREQ)

    assert online.packet() == (SUBACK, b"\x12\x34\0\x80\1\1"), "QoS 2 is granted as 1"
    assert online.packet() == (PINGRESP, b"")


@pytest.mark.statement("3.8.4-3", "4.1.0-1")
def test_the_same_filter_again_takes_the_place_of_the_first(online: Wire, own: str) -> None:
    online.send(subscribe(1, [(f"{own}/{number}", 0) for number in range(100)]))
    assert online.packet() == (SUBACK, b"\0\1" + bytes(100))
    online.send(subscribe(2, [(f"{own}/7", 1)]), subscribe(3, [(f"{own}/more", 1)]))

    assert online.packet() == (SUBACK, b"\0\2\1")
    assert online.packet() == (SUBACK, b"\0\3\x80"), "a device has 100 subscriptions at most"


@pytest.mark.statement("3.10.4-1", "3.10.4-4", "3.10.4-5", "3.10.4-6")
def test_unsubscribing_takes_away_what_matches_exactly(online: Wire, own: str) -> None:
    online.send(subscribe(1, [(f"{own}/{number}", 0) for number in range(100)]))
    online.packet()
    for number, filters in enumerate([[f"{own}/+", "#", f"{own}/100"], [f"{own}/1", f"{own}/2"]], start=2):
        online.send(unsubscribe(number, filters), subscribe(9, [(f"{own}/more", 0), (f"{own}/even/more", 0)]))
        assert online.packet() == (UNSUBACK, bytes([0, number]))
        free = number == 3
        assert online.packet() == (SUBACK, b"\0\x09" + (b"\0\0" if free else b"\x80\x80"))


@pytest.mark.statement("3.12.4-1")
def test_each_ping_is_answered(online: Wire) -> None:
    online.send(PINGREQ * 50)

    assert [online.packet() for _ in range(50)] == [(PINGRESP, b"")] * 50
