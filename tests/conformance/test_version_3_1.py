"""MQTT 3.1 (`MQIsdp`), as far as it differs."""

import pytest

from tests.support.api import Device
from tests.support.mqtt import CONNACK, PUBACK, SUBACK, UNSUBACK, Wire, connect, publish, subscribe, unsubscribe


@pytest.fixture
def older(wire: Wire, device: Device) -> Wire:
    """A connection of the device that speaks MQTT 3.1."""
    wire.log_in(device, name="MQIsdp", level=3)
    return wire


@pytest.mark.parametrize("level", [0, 1, 2, 4, 5])
def test_its_name_belongs_to_its_level(wire: Wire, device: Device, level: int) -> None:
    wire.send(connect(device, name="MQIsdp", level=level))

    assert wire.rest() == [(CONNACK, b"\0\1")]


def test_a_client_id_may_be_longer_than_23_characters(older: Wire, device: Device) -> None:
    older.send(publish(f"/ota/device/inform/{device.product_key}/{device.name}", b'{"params":{"version":"1"}}', 1, 3))

    assert older.packet() == (PUBACK, b"\0\3")


def test_subscriptions_may_be_sent_again_with_dup(older: Wire, device: Device) -> None:
    own = f"/{device.product_key}/{device.name}/user/get"
    older.send(subscribe(1, [(own, 1)]), subscribe(1, [(own, 1)], first=0x8A))
    older.send(unsubscribe(2, [own]), unsubscribe(2, [own], first=0xAA))

    assert [older.packet() for _ in range(4)] == [(SUBACK, b"\0\1\1")] * 2 + [(UNSUBACK, b"\0\2")] * 2


def test_its_suback_cannot_refuse(older: Wire, device: Device) -> None:
    older.send(subscribe(1, [("/x/another", 1), (f"/{device.product_key}/{device.name}/user/get", 1)]))

    assert older.packet() == (SUBACK, b"\0\1\0\1")


def test_version_3_1_1_knows_no_dup_of_subscriptions(online: Wire, device: Device) -> None:
    online.send(subscribe(1, [(f"/{device.product_key}/{device.name}/user/get", 1)], first=0x8A))

    assert online.rest() == []
