"""A server that dies, or is stopped, while it updates a fleet goes on after its start until every device is done."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.api import Application, BusinessError, Device, root
from tests.support.program import skyferry
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.fault

MANY = 200
CONTENT = bytes(range(256)) * 400


@pytest.mark.parametrize("end", [Server.kill, Server.stop])
def test_every_device_is_updated_though_the_server_ends(
    fresh_server: Server, tmp_path: Path, end: Callable[[Server], None]
) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("dispatch")
    devices = application.registered(product, application.register_many(product, MANY), MANY)
    firmware = application.create_package(product, CONTENT, "2.0.0", NeedToVerify=False)

    with simulated(server, devices, tmp_path):
        job = wait_until(lambda: job_when_reported(application, firmware, product, devices), what="version reports")
        wait_until(lambda: application.count(job, "QUEUED") < MANY, interval=0.05, what="the first push")
        end(server)
        server.start()
        application = root(server.http)
        application.wait_for_job(job, seconds=120)

    states = application.states(job)
    assert states == {device.name: "SUCCEEDED" for device in devices}
    assert len(application.tasks(job)) == application.count(job, "SUCCEEDED") == application.count(job) == MANY
    assert {application.version(device) for device in devices[:20]} == {"2.0.0"}


@contextmanager
def simulated(server: Server, devices: Sequence[Device], directory: Path) -> Iterator[None]:
    """Runs the devices until the end of the block. They come back when they lose the server."""
    file = directory / "devices.csv"
    lines = [f"{device.product_key},{device.name},{device.secret}\n" for device in devices]
    file.write_text("product_key,device_name,device_secret\n" + "".join(lines))
    options = ["--mqtt", str(server.mqtt), "--devices", str(file), "--install", "1", "--reconnect", "0.2"]
    with (directory / "simulator.log").open("wb") as log:
        process = subprocess.Popen(
            skyferry("device", "simulate", *options), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def job_when_reported(application: Application, firmware: str, product: str, devices: Sequence[Device]) -> str | None:
    """A job for all devices; None while one of them has not told its version yet."""
    try:
        return application.create_job(firmware, product, [device.name for device in devices])
    except BusinessError as error:
        if error.code != "iot.firmware.NonVersionedDeviceInArray":
            raise
        return None
