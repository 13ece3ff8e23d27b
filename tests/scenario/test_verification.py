"""The verification of a package (control-plane reference §5.6, §7.3)."""

import pytest

from tests.scenario.support import Fleet
from tests.support.device import CDevice

pytestmark = pytest.mark.rule("CreateOTAVerifyJob")

PREFIX = "iot.firmware."


def refusal(fleet: Fleet, firmware: str, names: list[str]) -> str:
    code = fleet.api.refusal(
        "CreateOTAVerifyJob", FirmwareId=firmware, ProductKey=fleet.product, TargetDeviceName=names
    )
    return code.removeprefix(PREFIX)


def standing(fleet: Fleet, firmware: str) -> tuple[int, int]:
    info = fleet.package_info(firmware)
    return info["Status"], info["VerifyProgress"]


def test_a_package_is_verified_when_all_its_test_devices_succeeded(fleet: Fleet) -> None:
    """§5.6, §7.3: 0 unverified, 2 verifying, 1 verified; VerifyProgress is the percentage of ended tasks."""
    first, second = fleet.devices(2)
    firmware = fleet.package(NeedToVerify=True)
    job = fleet.verification(firmware, [first, second])
    assert standing(fleet, firmware) == (2, 0)

    fleet.connect(first, "2.0.0")
    assert standing(fleet, firmware) == (2, 50)
    fleet.connect(second, "2.0.0")

    assert standing(fleet, firmware) == (1, 100)
    assert fleet.api.job_status(job) == "COMPLETED"


def test_a_package_fails_its_verification_when_one_device_fails(fleet: Fleet) -> None:
    """§5.6, §7.3: verified only when all test devices were updated."""
    first, second = fleet.devices(2)
    firmware = fleet.package(NeedToVerify=True)
    fleet.verification(firmware, [first, second])

    fleet.connect(first, "2.0.0")
    fleet.connect(second).say_progress(-2)

    assert standing(fleet, firmware) == (3, 100)
    assert fleet.refused_job(firmware) == "iot.firmware.FirmwareNotVerified"


def test_a_cancelled_verification_has_failed(fleet: Fleet) -> None:
    """§7.3: "ended otherwise"; §6.5: JobId may be that of a verify job."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)
    job = fleet.verification(firmware, [device])

    fleet.cancel(firmware, [device.name], JobId=job)

    assert standing(fleet, firmware)[0] == 3
    assert fleet.api.job_status(job) == "COMPLETED"


def test_a_failed_package_may_be_verified_again(fleet: Fleet) -> None:
    """§5.6."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)
    fleet.verification(firmware, [device])
    client = fleet.connect(device)
    client.say_progress(-1)

    fleet.verification(firmware, [device])
    assert standing(fleet, firmware) == (2, 0)
    client.say_version("2.0.0")

    assert standing(fleet, firmware) == (1, 100)


def test_a_package_is_verified_once_at_a_time_and_not_again(fleet: Fleet) -> None:
    """§5.6, §6.10: one running verify job per package; a verified package is not verified again."""
    device, other = fleet.devices(2)
    firmware = fleet.package(NeedToVerify=True)
    fleet.verification(firmware, [device])

    assert refusal(fleet, firmware, [other.name]) == "InProgressVerifyJobExisted"
    fleet.connect(device, "2.0.0")
    assert refusal(fleet, firmware, [other.name]) == "VerifyFirmwareFailed"
    assert refusal(fleet, fleet.package("3.0.0"), [other.name]) == "VerifyFirmwareFailed"


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_an_unverified_package_is_not_for_the_fleet(fleet: Fleet) -> None:
    """§5.7 static rule 6."""
    device, other = fleet.devices(2)
    firmware = fleet.package(NeedToVerify=True)

    assert fleet.refused_job(firmware) == "iot.firmware.FirmwareNotVerified"
    fleet.verification(firmware, [device])
    assert fleet.refused_job(firmware, [other]) == "iot.firmware.FirmwareNotVerified"
    fleet.connect(device, "2.0.0")
    assert fleet.state(fleet.job(firmware), other) == "QUEUED"


def test_a_verification_has_one_to_ten_devices_that_can_take_the_package(fleet: Fleet) -> None:
    """§5.6, §8.2, §12 (11)."""
    firmware = fleet.package(NeedToVerify=True)
    fleet.device("updated-1", "2.0.0")
    fleet.device("silent-1", None)
    able = fleet.device("able-1")

    assert refusal(fleet, firmware, [f"name-{number}" for number in range(11)]) == "ParameterSizeExceedMax"
    assert refusal(fleet, firmware, ["able-1", "able-1"]) == "iot.common.InvalidFormattedParameter"
    assert refusal(fleet, firmware, ["able-1", "no-such-device"]) == "iot.device.NotExistedDevice"
    assert refusal(fleet, firmware, ["able-1", "updated-1"]) == "DeviceWithDestinationVersionInArray"
    assert refusal(fleet, firmware, ["able-1", "silent-1"]) == "NonVersionedDeviceInArray"
    assert refusal(fleet, firmware, []) == "MissingTargetDeviceName"
    assert standing(fleet, firmware) == (0, 0)
    assert fleet.verification(firmware, [able])


def test_a_verify_job_says_what_it_is(fleet: Fleet) -> None:
    """§5.9, §12 (16, 20)."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)

    job = fleet.verification(firmware, [device], TimeoutInMinutes=5, Tag=[{"Key": "k", "Value": "v"}])
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]

    assert (details["JobType"], details["JobDesc"]) == ("VERIFY_FIRMWARE", "verify firmware")
    assert (details["SelectionType"], details["TargetSelection"]) == ("STATIC", "SPECIFIC")
    assert (details["TimeoutInMinutes"], details["Tags"]) == (5, {"OtaTagDTO": [{"Key": "k", "Value": "v"}]})


def test_a_verification_updates_like_the_firmware_in_the_field_expects(fleet: Fleet) -> None:
    """device-plane reference §2.5, §7: the strict device takes the notice of a verify job."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True, FirmwareUrl=fleet.api.upload(b"x" * 5_000))
    job = fleet.verification(firmware, [device])

    with CDevice(fleet.server.mqtt, device) as client:
        client.report_version("1.0.0")
        assert client.update() == b"x" * 5_000
        client.report_version("2.0.0", stored=True)

    assert fleet.state(job, device) == "SUCCEEDED"
