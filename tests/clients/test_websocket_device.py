"""A generic MQTT client gets in over WebSocket, with TLS and without."""

from collections.abc import Iterator

import pytest

from tests.support.api import root
from tests.support.mqtt import credentials
from tests.support.program import python_driver
from tests.support.server import Server

pytestmark = pytest.mark.client


@pytest.fixture(scope="module")
def websocket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with HTTP and HTTPS."""
    with Server(tmp_path_factory.mktemp("websocket"), further=("https",)) as started:
        yield started
        started.stop()


@pytest.mark.parametrize("path", ["/mqtt", "/"])
@pytest.mark.parametrize("listener", ["http", "https"])
def test_paho_subscribes(websocket_server: Server, listener: str, path: str) -> None:
    application = root(websocket_server.http)
    product = application.create_product(f"{listener}_{'root' if path == '/' else 'path'}")
    device = application.register(product, "paho")
    authority = str(websocket_server.authority) if listener == "https" else ""
    port = str(websocket_server.address(listener).port)
    topic = f"/ota/device/upgrade/{product}/{device.name}"

    arguments = ("localhost" if authority else "127.0.0.1", port, path, *credentials(device), authority, topic)
    with python_driver("device-linkkit", "paho_websocket.py", *arguments) as paho:
        assert paho.answer() == {"event": "connected", "code": 0}
        assert paho.answer() == {"event": "subscribed", "codes": [0]}
