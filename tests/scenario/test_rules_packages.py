"""What is refused when a package is made of nothing (control-plane reference §4.1, §8.2)."""

from typing import Any

import pytest

from tests.scenario.support import Fleet

pytestmark = pytest.mark.rule("CreateOTAFirmware")


def refused(fleet: Fleet, **parameters: Any) -> str:
    fine = {"FirmwareName": "fine", "DestVersion": "1.0", "ProductKey": fleet.product, "FirmwareUrl": fleet.file_url}
    return fleet.api.refusal("CreateOTAFirmware", **(fine | parameters))


@pytest.mark.parametrize(
    ("parameter", "code"), [("FirmwareName", "NullFirmwareName"), ("DestVersion", "NullFirmwareVersion")]
)
def test_a_package_has_a_name_and_a_version(fleet: Fleet, parameter: str, code: str) -> None:
    assert refused(fleet, **{parameter: ""}) == f"iot.firmware.{code}"


def test_an_empty_file_is_no_package(fleet: Fleet) -> None:
    assert refused(fleet, FirmwareUrl=fleet.api.upload(b"")) == "iot.firmware.EmptyFirmwareFile"
