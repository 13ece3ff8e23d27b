"""A gateway whose server dies in the middle comes back, and every one of its sub-devices is updated once."""

from collections.abc import Callable

import pytest

from tests.scenario.gateways import ScriptedGateway
from tests.support.api import root
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.fault

MANY = 40
TOLD = 10
"""How many sub-devices are told before the server ends."""


@pytest.mark.parametrize("end", [Server.kill, Server.stop])
def test_every_subdevice_is_updated_though_the_server_ends(fresh_server: Server, end: Callable[[Server], None]) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("behind_gateways")
    gateways = str(application.call("CreateProduct", ProductName="gateways", NodeType=1)["Data"]["ProductKey"])
    devices = application.registered(product, application.register_many(product, MANY), MANY)
    gateway = ScriptedGateway(server.mqtt, application.register(gateways, "gateway-1"))
    assert gateway.connect() == 0
    gateway.open(*devices)
    firmware = application.create_package(product, b"content", "2.0.0", NeedToVerify=False)
    job = application.create_job(firmware, product)
    by_name = {device.name: device for device in devices}
    done = {gateway.next_push()[0] for _ in range(TOLD)}
    for name in done:
        gateway.say_version_of(by_name[name], "2.0.0")

    end(server)
    gateway.drop()
    server.start()
    assert online(server, product) == 0
    assert gateway.connect() == 0
    gateway.log_in_all(*devices)  # its topology is what it was
    left = [device for device in devices if device.name not in done]
    for device in left:
        gateway.say_version_of(device, "1.0.0")
    told = [gateway.next_push()[0] for _ in left]
    for name in told:
        gateway.say_version_of(by_name[name], "2.0.0")

    assert sorted(told) == sorted(device.name for device in left)
    wait_until(lambda: online(server, product) == MANY, what="all sub-devices online")
    application = root(server.http)
    application.wait_for_job(job)
    assert application.states(job) == dict.fromkeys(by_name, "SUCCEEDED")
    gateway.close()


def online(server: Server, product: str) -> int:
    """How many sub-devices are online."""
    counts = root(server.http).call("QueryDeviceStatistics", ProductKey=product)["Data"]
    return int(counts["onlineCount"])
