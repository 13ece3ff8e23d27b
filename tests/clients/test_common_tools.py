"""Tools that know nothing of the vendor: curl sends the upload form, mosquitto_sub and paho are devices."""

import hashlib
import hmac
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.api import Application, Device
from tests.support.mqtt import credentials
from tests.support.program import python_driver
from tests.support.server import Server


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@needs("curl")
def test_curl_uploads_a_package_file(root_application: Application, tmp_path: Path) -> None:
    file, content = tmp_path / "firmware.bin", b"firmware\r\n--\x00\xff" * 10_000
    file.write_bytes(content)
    product = root_application.create_product("curl_uploads")
    ticket = root_application.call("GenerateOTAUploadURL", FileSuffix="bin")["Data"]
    fields = {
        "key": ticket["Key"],
        "policy": ticket["Policy"],
        "OSSAccessKeyId": ticket["OSSAccessKeyId"],
        "Signature": ticket["Signature"],
        "success_action_status": "200",
        "file": f"@{file}",
    }
    form = [argument for name, value in fields.items() for argument in ("-F", f"{name}={value}")]

    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--write-out", "%{http_code}", *form, ticket["Host"]],
        capture_output=True,
        text=True,
        check=False,
    )
    firmware = root_application.call(
        "CreateOTAFirmware",
        FirmwareName="curl",
        DestVersion="1",
        ProductKey=product,
        FirmwareUrl=ticket["FirmwareUrl"],
    )["Data"]["FirmwareId"]
    info = root_application.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]
    downloaded = subprocess.run(
        ["curl", "--silent", "--fail", info["FirmwareUrl"]], capture_output=True, check=True
    ).stdout

    assert (done.stdout, done.stderr) == ("200", "")
    assert (info["FirmwareSize"], info["FirmwareSign"]) == (len(content), hashlib.md5(content).hexdigest())
    assert downloaded == content


@needs("mosquitto_sub")
@pytest.mark.parametrize("protocol", ["mqttv31", "mqttv311"])
def test_mosquitto_client_is_a_device(root_application: Application, server: Server, protocol: str) -> None:
    product = root_application.create_product(f"mosquitto_{protocol}")
    device = root_application.register(product, "mosquitto")
    firmware = root_application.create_package(product, b"content", "2.0.0", NeedToVerify=False)
    topics = f"{product}/{device.name}"
    version = '{"id":"1","params":{"version":"1.0.0"}}'

    _mosquitto("pub", server, device, "-V", protocol, "-q", "1", "-t", f"/ota/device/inform/{topics}", "-m", version)
    job = root_application.create_job(firmware, product, [device.name])
    until_one = ("-v", "-C", "1", "-W", "60")
    received = _mosquitto("sub", server, device, "-V", protocol, *until_one, "-t", f"/ota/device/upgrade/{topics}")
    topic, _, text = received.partition(" ")

    assert topic == f"/ota/device/upgrade/{topics}"
    assert json.loads(text)["data"]["version"] == "2.0.0"
    root_application.wait_for_states(job, {device.name: "NOTIFIED"})


@pytest.mark.client
@pytest.mark.parametrize("version", ["3.1", "3.1.1"])
def test_paho_is_a_device(root_application: Application, server: Server, version: str) -> None:
    content = b"content" * 1_000
    product = root_application.create_product(f"paho_{version.replace('.', '_')}")
    device = root_application.register(product, "paho")
    firmware = root_application.create_package(product, content, "2.0.0", NeedToVerify=False)
    where = (server.mqtt.host, str(server.mqtt.port), version)

    with python_driver(
        "device-linkkit", "paho_device.py", *where, *credentials(device, more=""), f"{product}/{device.name}"
    ) as paho:
        assert paho.answer() == {"event": "connected", "code": 0}
        assert paho.answer() == {"event": "subscribed", "codes": [1]}
        root_application.wait_for_version(device, "1.0.0")
        job = root_application.create_job(firmware, product, [device.name])
        assert paho.answer() == {"event": "downloaded", "matches": True, "size": len(content)}
        root_application.wait_for_states(job, {device.name: "SUCCEEDED"})


def _mosquitto(program: str, server: Server, device: Device, *arguments: str) -> str:
    client_id = f"{device.product_key}.{device.name}"
    content = f"clientId{client_id}deviceName{device.name}productKey{device.product_key}"
    password = hmac.new(device.secret.encode(), content.encode(), "sha1").hexdigest()
    broker = ["-h", server.mqtt.host, "-p", str(server.mqtt.port)]
    login = ["-i", f"{client_id}|signmethod=hmacsha1|", "-u", f"{device.name}&{device.product_key}", "-P", password]
    command = [f"mosquitto_{program}", *broker, *login, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
