"""Devices and gateways on the vendor's Node device SDK are really updated."""

import random
from pathlib import Path

import pytest

from tests.support.api import Application
from tests.support.program import node_driver
from tests.support.server import Server

pytestmark = pytest.mark.client

CONTENT = random.Random(4).randbytes(123_456)


def test_a_node_device_is_updated(root_application: Application, server: Server, tmp_path: Path) -> None:
    application, target = root_application, tmp_path / "firmware.bin"
    product = application.create_product("node_device")
    device = application.register(product, "node-1")
    firmware = application.create_package(product, CONTENT, "2.0.0", NeedToVerify=False)

    arguments = (str(server.mqtt), product, device.name, device.secret, "1.0.0", str(target))
    with node_driver("node_device.js", *arguments) as client:
        assert client.answer() == {"event": "connected"}
        assert client.answer() == {"event": "subscribed", "qos": 1}
        application.wait_for_version(device, "1.0.0")
        job = application.create_job(firmware, product, [device.name])
        assert client.answer() == {"event": "installed", "version": "2.0.0", "matches": True}
        application.wait_for_states(job, {device.name: "SUCCEEDED"})

    assert target.read_bytes() == CONTENT


def test_a_node_gateway_updates_its_subdevice(root_application: Application, server: Server, tmp_path: Path) -> None:
    application, target = root_application, tmp_path / "firmware.bin"
    gateways = str(application.call("CreateProduct", ProductName="node_gateways", NodeType=1)["Data"]["ProductKey"])
    product = application.create_product("node_subdevices")
    gateway, device = application.register(gateways, "gateway"), application.register(product, "sub-1")
    firmware = application.create_package(product, CONTENT, "2.0.0", NeedToVerify=False)
    named = {"productKey": product, "deviceName": device.name}

    arguments = (str(server.mqtt), gateways, gateway.name, gateway.secret, "1.0.0", str(target))
    with node_driver("node_device.js", *arguments, product, device.name, device.secret) as client:
        assert client.answer() == {"event": "connected"}
        assert client.answer() == {"event": "added", "code": 200, "data": [named]}
        assert client.answer() == {"event": "listed", "code": 200, "data": [named]}
        assert client.answer() == {"event": "entered", "code": 200, "data": named}
        assert client.answer() == {"event": "subscribed", "qos": 1}
        application.wait_for_version(device, "1.0.0")
        job = application.create_job(firmware, product, [device.name])
        assert client.answer() == {"event": "installed", "version": "2.0.0", "matches": True}
        application.wait_for_states(job, {device.name: "SUCCEEDED"})

    assert target.read_bytes() == CONTENT
