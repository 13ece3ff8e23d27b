"""The vendor's Node device SDK registers itself over HTTP, where that is allowed (device-plane reference §1.8)."""

from collections.abc import Iterator

import pytest

from tests.support.api import Application
from tests.support.program import Program, node_driver
from tests.support.server import Server

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets devices register without TLS."""
    with Server(tmp_path_factory.mktemp("server"), {"SKYFERRY_REGISTRATION_PLAIN": "true"}) as started:
        yield started
        started.stop()


def node_device(server: Server, product: str, secret: str) -> Program:
    url = f"http://{server.http}/auth/register/device"
    return node_driver("node_registering.js", url, str(server.mqtt), product, "node-1", secret)


def test_a_node_device_gets_its_secret_and_logs_in(root_application: Application, server: Server) -> None:
    product = root_application.create_product("node_registers")
    device = root_application.register(product, "node-1")
    root_application.call("UpdateProductSettings", ProductKey=product, DynamicRegistration="REGISTERED")
    secret = str(root_application.call("QueryProduct", ProductKey=product)["Data"]["ProductSecret"])

    with node_device(server, product, secret) as running:
        registered = running.answer()
        told = root_application.call("QueryDeviceInfo", IotId=device.iot_id)["Data"]["DeviceSecret"]
        assert (registered["code"], registered["message"]) == (200, "success")
        assert registered["data"] == {"productKey": product, "deviceName": "node-1", "deviceSecret": told}
        assert running.answer() == {"event": "connected"}


def test_a_node_device_is_told_why_it_may_not(root_application: Application, server: Server) -> None:
    product = root_application.create_product("node_may_not")
    root_application.register(product, "node-1")

    with node_device(server, product, "wrong") as running:
        registered = running.answer()

    assert registered["code"] == 401
    assert "signature" in registered["message"]
