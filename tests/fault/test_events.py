"""A server that dies between a change and the delivery of its message delivers it after its start."""

import threading
from typing import Any

import pytest

from tests.support.api import Device, root
from tests.support.device import CDevice
from tests.support.receiver import Receiver
from tests.support.server import Server

pytestmark = pytest.mark.fault

DEVICES, VERSIONS = 20, 3


def subscribe(server: Server, receiver: Receiver, *types: str) -> None:
    root(server.http).call("CreateEventSubscription", Target=receiver.url, Type=list(types))


def say(server: Server, device: Device, version: str) -> None:
    """Reports a version, and returns when the server has stored it."""
    with CDevice(server.mqtt, device) as client:
        client.report_version(version, stored=True)


def test_a_message_outlives_the_server(fresh_server: Server) -> None:
    """The business server has the message and has not answered when Skyferry dies: it gets it again."""
    server = fresh_server
    application = root(server.http)
    device = application.register(application.create_product("killed_events"), "device-1")
    asked, release = threading.Event(), threading.Event()

    def answer(_message: dict[str, Any]) -> int:
        asked.set()
        release.wait(60)
        return 200

    with Receiver(answer) as receiver:
        subscribe(server, receiver, "module.version")
        say(server, device, "1.0.0")
        assert asked.wait(60)

        server.kill()
        release.set()
        server.start()

        [first, second] = receiver.wait_for(2)
        assert first.body == second.body
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert second.payload["moduleVersion"] == "1.0.0"


def test_every_change_is_told_in_order_though_the_server_dies(fresh_server: Server) -> None:
    server = fresh_server
    server.settings |= {"SKYFERRY_EVENT_RETRY_SECONDS": "0.2", "SKYFERRY_EVENT_ATTEMPTS": "100"}
    server.restart()
    application = root(server.http)
    product = application.create_product("killed_fleet")
    devices = [application.register(product, f"device-{number}") for number in range(DEVICES)]
    down = threading.Event()
    down.set()

    with Receiver(lambda _message: 503 if down.is_set() else 200) as receiver:
        subscribe(server, receiver, "module.version")
        for number in range(VERSIONS):
            for device in devices:
                say(server, device, f"1.0.{number}")
            server.kill()
            server.start()
        down.clear()

        received = receiver.wait_for(DEVICES * VERSIONS, seconds=120, each_once=True)

    told: dict[str, list[str]] = {device.name: [] for device in devices}
    for item in received:
        told[item.payload["deviceName"]].append(item.payload["moduleVersion"])
    assert told == {device.name: [f"1.0.{number}" for number in range(VERSIONS)] for device in devices}


def test_devices_that_were_online_are_told_to_be_offline(fresh_server: Server) -> None:
    """The business server would take a device that never comes back for online for ever."""
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_presence")
    first, second = (application.register(product, f"device-{number}") for number in (1, 2))

    with Receiver() as receiver:
        subscribe(server, receiver, "device.status")
        with CDevice(server.mqtt, first):
            receiver.wait_for(1)
            server.kill()
        server.start()
        receiver.wait_for(2, each_once=True)
        with CDevice(server.mqtt, second):
            received = receiver.wait_for(3, each_once=True)

    assert [(item.payload["deviceName"], item.payload["status"]) for item in received[:3]] == [
        ("device-1", "online"),
        ("device-1", "offline"),
        ("device-2", "online"),
    ]
