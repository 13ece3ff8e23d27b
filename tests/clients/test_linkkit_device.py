"""A device on the vendor's own Python device SDK is really updated."""

import random
from pathlib import Path

import pytest

from tests.support.api import Application
from tests.support.program import python_driver
from tests.support.server import Server

pytestmark = pytest.mark.client


@pytest.mark.parametrize("sign_method", ["MD5", "SHA256"])
def test_linkkit_is_pushed_downloads_and_succeeds(
    root_application: Application, server: Server, tmp_path: Path, sign_method: str
) -> None:
    application, content = root_application, random.Random(2).randbytes(1_234_567)
    product = application.create_product(f"linkkit_{sign_method}")
    device = application.register(product, "linkkit")
    firmware = application.create_package(product, content, "2.0.0", NeedToVerify=False, SignMethod=sign_method)
    target = tmp_path / "firmware.bin"
    arguments = (server.mqtt.host, str(server.mqtt.port), "", product, device.name, device.secret, "1.0.0", str(target))

    with python_driver("device-linkkit", "linkkit_device.py", *arguments) as linkkit:
        assert linkkit.answer() == {"event": "connected", "code": 0}
        application.wait_for_version(device, "1.0.0")
        job = application.create_job(firmware, product, [device.name], Tag=[{"Key": "reason", "Value": "test"}])
        notice, downloaded = linkkit.answer(), linkkit.answer()
        application.wait_for_states(job, {device.name: "SUCCEEDED"})

    assert (notice["pushed"], notice["version"], notice["size"]) == (True, "2.0.0", len(content))
    assert "reason" in notice["extra"]
    assert downloaded == {"event": "downloaded", "matches": True}
    assert target.read_bytes() == content
    assert application.version(device) == "2.0.0"
