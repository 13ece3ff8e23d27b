"""What tests do to a server until it can store nothing more."""

import itertools

from tests.support.api import Application, BusinessError, Device, GatewayError
from tests.support.mqtt import PUBACK, Wire, publish
from tests.support.server import Address


def register_until_refused(api: Application, product: str) -> tuple[int, str]:
    """Registers devices until nothing more is stored; tells how many were answered with success, and the refusal."""
    for number in itertools.count():
        try:
            api.register(product, f"device-{number}")
        except (GatewayError, BusinessError) as error:
            return number, error.code
    raise AssertionError


def report_until_unheard(mqtt: Address, device: Device) -> str:
    """Reports versions at QoS 1 until the connection ends instead of an answer; gives the last one before."""
    topic = f"/ota/device/inform/{device.product_key}/{device.name}"
    acknowledged = ""
    with Wire(mqtt) as wire:
        wire.log_in(device)
        for number in itertools.count():
            version = f"0.{number}"
            wire.send(publish(topic, b'{"id":1,"params":{"version":"%s"}}' % version.encode(), 1))
            try:
                assert wire.packet().first == PUBACK
            except ConnectionError:
                return acknowledged
            acknowledged = version
    raise AssertionError
