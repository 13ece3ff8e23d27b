"""A gateway on the vendor's Python device SDK registers, logs in and updates its sub-devices."""

from collections.abc import Iterator

import pytest

from tests.support.api import Application
from tests.support.program import python_driver
from tests.support.server import Server

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gives secrets without TLS too."""
    with Server(tmp_path_factory.mktemp("server"), {"SKYFERRY_REGISTRATION_PLAIN": "true"}) as started:
        yield started
        started.stop()


def test_linkkit_is_a_gateway(root_application: Application, server: Server) -> None:
    application = root_application
    created = application.call("CreateProduct", ProductName="linkkit_gateways", NodeType=1)["Data"]
    gateway = application.register(str(created["ProductKey"]), "gateway")
    product = application.create_product("linkkit_subdevices")
    application.call("UpdateProductSettings", ProductKey=product, DynamicRegistration="REGISTERED")
    product_secret = str(application.call("QueryProduct", ProductKey=product)["Data"]["ProductSecret"])
    devices = [application.register(product, f"sub-{number}") for number in (1, 2)]
    names = [device.name for device in devices]
    data = [{"deviceName": name, "productKey": product} for name in names]
    firmware = application.create_package(product, b"content", "2.0.0", NeedToVerify=False)
    own = (server.mqtt.host, str(server.mqtt.port), gateway.product_key, gateway.name, gateway.secret)

    with python_driver(
        "device-linkkit", "linkkit_gateway.py", *own, product, product_secret, ",".join(names)
    ) as client:
        assert client.answer() == {"event": "connected", "code": 0}
        assert client.answer() == {"event": "registered", "code": 200, "names": names}
        assert client.answer() == {"event": "added", "code": 200, "data": data}
        assert client.answer() == {"event": "logged_in", "code": 200, "data": data}
        for device in devices:
            application.wait_for_version(device, "1.0.0")
        job = application.create_job(firmware, product, names)
        notices = [client.answer() for _ in devices]
        application.wait_for_states(job, dict.fromkeys(names, "SUCCEEDED"))
        client.tell("leave")
        assert client.answer() == {"event": "logged_out", "code": 200, "data": data}
        assert client.answer() == {"event": "deleted", "code": 200, "data": data}

    noticed = [{"event": "noticed", "name": name, "version": "2.0.0"} for name in names]
    assert sorted(notices, key=lambda notice: str(notice["name"])) == noticed
