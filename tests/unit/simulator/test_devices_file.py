"""Lists of devices, good and bad."""

from pathlib import Path

import pytest

from skyferry.simulator.devices_file import DevicesFileError, read_devices
from skyferry.simulator.identity import DeviceIdentity

HEADER = "product_key,device_name,device_secret\n"
TWO = [DeviceIdentity("pk", "d1", "s1"), DeviceIdentity("pk", "d2", "s2")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "devices.csv"


@pytest.mark.parametrize(
    "text",
    [
        HEADER + "pk,d1,s1\npk,d2,s2\n",
        "\ufeff" + HEADER + "pk,d1,s1\n\npk, d2 ,s2",
        "device_secret,note,device_name,product_key\r\ns1,,d1,pk\r\ns2,x,d2,pk\r\n",
        """{"product_key":"pk","device_name":"d1","device_secret":"s1"}

        {"device_name":"d2","product_key":"pk","device_secret":"s2","more":1}""",
    ],
)
def test_good_files(path: Path, text: str) -> None:
    path.write_text(text)
    assert read_devices(path) == TWO


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: the header must name product_key, device_name, device_secret"),
        ("product_key,device_name\npk,d1\n", "line 1: .* lacks device_secret"),
        (HEADER, "lists no device"),
        (HEADER + "pk,d1,s1\npk,d2\n", "line 3: 2 values, the header names 3"),
        (HEADER + "pk,,s1\n", "line 2: device_name is missing or empty"),
        (HEADER + "pk,d1,s1\npk,d2,s\npk,d1,s2\n", "line 4: d1 of pk stands in line 2 already"),
        ('{"product_key":"pk"}\n', "line 1: device_name is missing or empty"),
        ('{"product_key":"pk","device_name":"d","device_secret":1}', "line 1: device_secret is missing"),
        ('{}x\n{"a"', "line 1: not JSON"),
        ('{"product_key":"pk","device_name":"d","device_secret":"s"}\n[1]', "line 2: not a JSON object"),
    ],
)
def test_bad_files(path: Path, text: str, complaint: str) -> None:
    path.write_text(text)
    with pytest.raises(DevicesFileError, match=complaint):
        read_devices(path)


def test_missing_file(path: Path) -> None:
    with pytest.raises(DevicesFileError, match="cannot be read: No such file"):
        read_devices(path)


def test_file_that_is_no_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DevicesFileError, match="not UTF-8"):
        read_devices(path)
