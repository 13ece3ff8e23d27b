"""A server that is told to stop sends new work and its devices elsewhere before it ends."""

import json
import socket
from collections.abc import Iterator

import pytest
import requests

from tests.support.api import root
from tests.support.mqtt import PINGREQ, PINGRESP, Wire
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.rule("devices")


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"SKYFERRY_STOP_DELAY_SECONDS": "0.5", "SKYFERRY_DRAIN_SECONDS": "600"}
    with Server(tmp_path_factory.mktemp("stopping"), settings) as started:
        yield started


def asked(server: Server, path: str) -> tuple[int, dict[str, str]]:
    answer = requests.get(f"http://{server.http}{path}", timeout=60)
    return answer.status_code, json.loads(answer.text)


def lets_nobody_in(server: Server) -> bool:
    try:
        socket.create_connection(server.mqtt, timeout=20).close()
    except ConnectionRefusedError:
        return True
    return False


def ends_connection(server: Server, product_key: str) -> bool:
    """Whether the answer to a poll of hawkBit's API ends its connection; who polls does not matter."""
    answer = requests.get(f"http://{server.http}/{product_key}/controller/v1/stranger", timeout=60)
    return answer.headers.get("Connection", "").lower() == "close"


def test_a_server_that_drains_is_healthy_and_serves_but_takes_nothing_new_until_a_second_signal(server: Server) -> None:
    api = root(server.http)
    product_key = api.create_product("stopping")
    status, parts = asked(server, "/readyz")
    assert status == 200
    assert set(parts) == {"status", "store", "bus", "http", "mqtt", "worker", "delivery", "schema", "accepting"}

    assert not ends_connection(server, product_key)
    with Wire(server.mqtt) as device:
        device.log_in(api.register(product_key, "connected"))
        server.tell_to_stop()
        wait_until(lambda: asked(server, "/readyz")[0] == 503, what="readyz to answer 503")
        wait_until(lambda: lets_nobody_in(server), what="the MQTT address to close")
        assert asked(server, "/readyz")[1]["accepting"] == "failed"
        assert asked(server, "/healthz")[0] == 200
        assert api.call("QueryProduct", ProductKey=product_key)["Data"]["DeviceCount"] == 1
        assert ends_connection(server, product_key), "a device that polls comes to another process next time"
        device.send(PINGREQ)
        assert device.packet().first == PINGRESP

        server.stop()
        assert device.rest() == []
