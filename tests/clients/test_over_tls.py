"""All over TLS with the server's own authority: the vendor's SDK for applications, and its SDK for devices."""

import random
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.drivers.tea import TeaClient
from tests.support.api import Application, InProcess
from tests.support.device import CDevice
from tests.support.program import python_driver
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server

pytestmark = pytest.mark.client

CONTENT = random.Random(4).randbytes(456_789)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with every kind of port, whose URL is one of https."""
    with Server(tmp_path_factory.mktemp("secure"), further=("mqtts", "https", "downloads")) as started:
        started.settings["SKYFERRY_PUBLIC_URL"] = f"https://{started.address('https')}"
        started.settings["SKYFERRY_DOWNLOAD_URL"] = f"https://{started.address('downloads')}"
        started.restart()  # on the same ports
        yield started
        started.stop()


@pytest.fixture
def application(secure: Server, monkeypatch: pytest.MonkeyPatch) -> Application:
    """The root account, which trusts the server's authority only."""
    authority = str(secure.authority)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)  # for uploads
    client = TeaClient(str(secure.address("https")), ROOT_KEY_ID, ROOT_SECRET, authority=authority)
    return Application(InProcess(client))


@pytest.mark.parametrize("port", ["mqtt", "mqtts"])
def test_linkkit_is_updated(application: Application, secure: Server, tmp_path: Path, port: str) -> None:
    """By the port that takes plain MQTT too, and by the one that does not."""
    product = application.create_product(f"linkkit_{port}")
    device = application.register(product, "linkkit")
    firmware = application.create_package(product, CONTENT, "2.0.0", NeedToVerify=False, SignMethod="SHA256")
    target = tmp_path / "firmware.bin"
    where = ("localhost", str(secure.address(port).port), str(secure.authority))
    arguments = (*where, product, device.name, device.secret, "1.0.0", str(target))

    with python_driver("device-linkkit", "linkkit_device.py", *arguments) as linkkit:
        assert linkkit.answer() == {"event": "connected", "code": 0}
        application.wait_for_version(device, "1.0.0")
        job = application.create_job(firmware, product, [device.name])
        assert linkkit.answer()["version"] == "2.0.0"
        assert linkkit.answer() == {"event": "downloaded", "matches": True}
        application.wait_for_states(job, {device.name: "SUCCEEDED"})

    assert target.read_bytes() == CONTENT


def test_the_whole_job_is_steered_over_https(application: Application, secure: Server) -> None:
    product = application.create_product("over_https")
    tester, *fleet = [application.register(product, f"fleet-{number}") for number in range(4)]
    firmware = application.create_package(product, CONTENT, "2.0.0")
    names = [device.name for device in fleet]
    trusting = ssl.create_default_context(cafile=str(secure.authority))

    with CDevice(secure.mqtt, tester, trusting) as client:
        client.report_version("1.0.0", stored=True)
        application.call("CreateOTAVerifyJob", FirmwareId=firmware, ProductKey=product, TargetDeviceName=[tester.name])
        notice = client.wait_for_notice()
        assert notice.url.startswith(f"https://{secure.address('downloads')}/objects/ota/")
        client.report_version("2.0.0", stored=True)
    for device in fleet:
        with CDevice(secure.mqtt, device, trusting) as client:
            client.report_version("1.0.0", stored=True)
    job = application.create_job(firmware, product, names)
    application.wait_for_states(job, dict.fromkeys(names, "QUEUED"))
    application.call("CancelOTATaskByDevice", FirmwareId=firmware, ProductKey=product, DeviceName=names[:1], JobId=job)
    for device in fleet[1:]:
        with CDevice(secure.mqtt, device, trusting) as client:
            client.report_version("1.0.0", stored=True)
            assert client.update() == CONTENT
    application.wait_for_job(job)

    assert application.states(job) == dict.fromkeys(names[:1], "CANCELED") | dict.fromkeys(names[1:], "SUCCEEDED")
