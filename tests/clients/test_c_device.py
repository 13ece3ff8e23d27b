"""What a device like the vendor's C SDK sees (device-plane reference §2.5, §2.8): the strictest parser in the field."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from tests.support.api import Application, Device
from tests.support.device import CDevice, DeviceError, Notice, download
from tests.support.server import Server, wait_until

CONTENT = random.Random(3).randbytes(777_777)


@pytest.fixture(scope="module")
def product(root_application: Application) -> str:
    return root_application.create_product("c_devices")


@pytest.fixture
def device(root_application: Application, product: str, request: pytest.FixtureRequest) -> Device:
    return root_application.register(product, request.node.name.removeprefix("test_")[:32])


class Update:
    """A package and a job for one device."""

    def __init__(self, application: Application, device: Device, version: str, **more: Any) -> None:
        self.firmware = application.create_package(
            device.product_key, CONTENT, version, **({"NeedToVerify": False} | more)
        )
        self._application, self._device = application, device
        self.job = ""

    def start(self, **more: Any) -> None:
        """Makes the job. The device must have told its version before."""
        device = self._device
        self.job = self._application.create_job(self.firmware, device.product_key, [device.name], **more)

    def wait_for(self, state: str) -> Mapping[str, Any]:
        """Waits until the task is in this state; answers the task."""
        self._application.wait_for_states(self.job, {self._device.name: state})
        return self._application.tasks(self.job)[0]


Connect = Callable[[Device], CDevice]


@pytest.fixture
def connected(server: Server) -> Iterator[Connect]:
    """Connects a device that runs version 1.0.0."""
    with ExitStack() as clients:

        def connect(device: Device) -> CDevice:
            client = clients.enter_context(CDevice(server.mqtt, device))
            client.report_version("1.0.0", stored=True)
            return client

        yield connect


def test_notice_is_flat_text(root_application: Application, connected: Connect, device: Device) -> None:
    update = Update(root_application, device, "2.0.0", SignMethod="SHA256", Udi='say "hi"')
    client = connected(device)
    update.start(Tag=[{"Key": "channel", "Value": "url"}])

    notice = client.wait_for_notice()

    assert (notice.code, notice.version, notice.size, notice.sign_method) == ("1000", "2.0.0", len(CONTENT), "SHA256")
    assert notice.url.startswith("http://")
    assert notice.text.index('"extData"') > notice.text.index('"url"')
    assert '"message":"success"' in notice.text
    assert "\\/" not in notice.url
    assert "\\u" not in notice.url
    assert len(notice.url) <= 256
    assert notice.module is None
    assert update.wait_for("NOTIFIED")["Progress"] == "0.00"


def test_download_resumes_after_a_lost_connection(
    root_application: Application, connected: Connect, device: Device
) -> None:
    update = Update(root_application, device, "2.1.0")
    client = connected(device)
    update.start()

    notice = client.wait_for_notice()
    content = download(notice, drop_at=100_001)
    notice.verify(content)

    assert content == CONTENT


def test_progress_and_version_end_the_task(root_application: Application, connected: Connect, device: Device) -> None:
    update = Update(root_application, device, "2.2.0")
    client = connected(device)
    update.start()

    client.wait_for_notice()
    client.report_progress(0)
    first = update.wait_for("IN_PROGRESS")
    client.report_progress(100)
    client.report_version("2.2.0")
    last = update.wait_for("SUCCEEDED")

    assert (first["SrcVersion"], first["DestVersion"]) == ("1.0.0", "2.2.0")
    assert (last["TaskDesc"], last["Progress"]) == ("", "100.00")
    assert root_application.version(device) == "2.2.0"


@pytest.mark.parametrize("step", [-1, -2, -3, -4])
def test_negative_step_fails(root_application: Application, connected: Connect, product: str, step: int) -> None:
    device = root_application.register(product, f"negative{step}")
    update = Update(root_application, device, f"2.3.{-step}")
    client = connected(device)
    update.start()

    client.wait_for_notice()
    client.report_progress(step, "no space left")
    task = update.wait_for("FAILED")

    assert "no space left" in task["TaskDesc"]


def test_offline_device_is_told_when_it_is_back(
    root_application: Application, connected: Connect, device: Device
) -> None:
    update = Update(root_application, device, "2.4.0")
    connected(device).close()
    update.start()
    update.wait_for("QUEUED")

    client = connected(device)
    assert client.update() == CONTENT
    update.wait_for("SUCCEEDED")


def test_module_has_a_version_of_its_own(root_application: Application, connected: Connect, device: Device) -> None:
    root_application.call("CreateOTAModule", ProductKey=device.product_key, ModuleName="MCU")
    update = Update(root_application, device, "2.5.0", ModuleName="MCU")
    client = connected(device)
    client.report_version("0.9", "MCU", stored=True)
    update.start()

    notice = client.wait_for_notice()
    client.report_version("2.5.0")
    client.report_version("2.5.0", "MCU")
    task = update.wait_for("SUCCEEDED")

    assert notice.module == "MCU"
    assert task["SrcVersion"] == "0.9"


def test_wrong_secret_is_told_so(server: Server, device: Device) -> None:
    stranger = Device(device.product_key, device.name, "0" * 32, device.iot_id)

    client = CDevice(server.mqtt, stranger)
    code = client.connect()
    client.drop()

    assert code == 4


def test_second_connection_replaces_the_first(connected: Connect, device: Device) -> None:
    first = connected(device)
    second = connected(device)

    with pytest.raises(ConnectionError):
        first.ping()
    second.ping()


def test_presence_follows_the_connection(root_application: Application, connected: Connect, device: Device) -> None:
    def status() -> str:
        return str(root_application.call("GetDeviceStatus", IotId=device.iot_id)["Data"]["Status"])

    seen = [status()]
    client = connected(device)
    wait_for_status(root_application, device, "ONLINE")
    seen.append(status())
    client.close()
    wait_for_status(root_application, device, "OFFLINE")

    assert seen == ["UNACTIVE", "ONLINE"]


def test_the_parser_of_these_tests_is_strict() -> None:
    good = (
        '{"code":"1000","data":{"size":3,"sign":"' + "0" * 32 + '","version":"2","url":"http://h/a",'
        '"signMethod":"Md5","md5":"' + "0" * 32 + '"},"id":1,"message":"success"}'
    )

    assert Notice.parse(good).url == "http://h/a"
    for bad in (good.replace('":', '": '), good.replace("Md5", "SHA256"), good.replace('"md5"', '"Md5"')):
        with pytest.raises((DeviceError, ValueError)):
            Notice.parse(bad)


def wait_for_status(application: Application, device: Device, wanted: str) -> None:
    wait_until(
        lambda: application.call("GetDeviceStatus", IotId=device.iot_id)["Data"]["Status"] == wanted,
        what=f"{wanted} of {device.name}",
    )
