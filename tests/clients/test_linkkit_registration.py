"""The vendor's own Python device SDK registers itself in all its ways (device-plane reference §1.8)."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.api import Application
from tests.support.program import Program, python_driver
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.client

LEVELS: Final = {"register": "REGISTERED", "https": "REGISTERED", "regnwl": "ANY"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that serves HTTPS too. By default devices register over TLS only."""
    with Server(tmp_path_factory.mktemp("server"), further=["https"]) as started:
        yield started
        started.stop()


def product_of(application: Application, kind: str, name: str = "") -> tuple[str, str]:
    """A product whose devices may register in this way, with its secret."""
    product = application.create_product(name or f"registers_{kind}")
    application.call("UpdateProductSettings", ProductKey=product, DynamicRegistration=LEVELS[kind])
    return product, str(application.call("QueryProduct", ProductKey=product)["Data"]["ProductSecret"])


def linkkit(server: Server, kind: str, product: str, secret: str, *, tls: bool = True) -> Program:
    """The device, on its way to register."""
    host, port = server.mqtt.host, str(server.mqtt.port)
    base, authority = f"https://{server.address('https')}", str(server.authority) if tls else ""
    arguments = (kind, host, port, base, authority, product, "linkkit", secret)
    return python_driver("device-linkkit", "linkkit_registering.py", *arguments)


def wait_until_online(application: Application, product: str) -> None:
    """Waits until the device counts as online: that is stored right after its log-in."""
    named = {"ProductKey": product, "DeviceName": "linkkit"}
    wait_until(
        lambda: application.call("GetDeviceStatus", **named)["Data"]["Status"] == "ONLINE", what="linkkit is online"
    )


@pytest.mark.parametrize("kind", ["register", "https"])
def test_a_known_device_gets_its_secret_and_logs_in(root_application: Application, server: Server, kind: str) -> None:
    product, secret = product_of(root_application, kind)
    device = root_application.register(product, "linkkit")

    with linkkit(server, kind, product, secret) as running:
        registered = running.answer()
        told = root_application.call("QueryDeviceInfo", IotId=device.iot_id)["Data"]["DeviceSecret"]
        assert registered == {"event": "registered", "code": 0, "secret": told}
        assert running.answer() == {"event": "connected", "code": 0}
        wait_until_online(root_application, product)


def test_an_unknown_device_gets_a_token_and_logs_in(root_application: Application, server: Server) -> None:
    product, secret = product_of(root_application, "regnwl")

    with linkkit(server, "regnwl", product, secret) as running:
        registered, connected = running.answer(), running.answer()
        assert (registered["code"], connected) == (0, {"event": "connected", "code": 0})
        wait_until_online(root_application, product)


@pytest.mark.parametrize("tls", [True, False])
def test_a_refusal_is_told_by_its_callback(root_application: Application, server: Server, tls: bool) -> None:
    """A wrong secret; the right one in clear."""
    product, secret = product_of(root_application, "register", f"refused_{tls}")
    root_application.register(product, "linkkit")

    with linkkit(server, "register", product, "wrong" if tls else secret, tls=tls) as running:
        registered = running.answer()

    assert registered["event"] == "registered"
    assert registered["code"] != 0
    assert registered["secret"] is None
