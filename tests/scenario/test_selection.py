"""Which devices a static job is for, and how a request is refused (control-plane reference §5.7, §8.2)."""

from typing import Any

import pytest

from tests.scenario.support import Fleet

pytestmark = pytest.mark.rule("CreateOTAStaticUpgradeJob")

PREFIX = "iot.firmware."


def test_all_takes_every_device_that_reported_another_version(fleet: Fleet) -> None:
    """§5.7 static rules 1 and 2: devices at the target, and those without a version, are left out silently."""
    old = fleet.device("old-1")
    fleet.device("updated-1", "2.0.0")
    fleet.device("silent-1", None)

    job = fleet.job(fleet.package())
    later = fleet.device("later-1")

    assert fleet.api.states(job) == {old.name: "QUEUED"}
    assert later.name not in fleet.api.states(job)
    assert fleet.task(job, old)["SrcVersion"] == "1.0.0"


def test_all_takes_only_the_source_versions_that_are_given(fleet: Fleet) -> None:
    """§5.7 (SrcVersion.N)."""
    for name, version in (("one-1", "1.0.0"), ("two-1", "1.1.0"), ("three-1", "1.2.0")):
        fleet.device(name, version)

    job = fleet.job(fleet.package(), SrcVersion=["1.0.0", "1.2.0"])

    assert set(fleet.api.states(job)) == {"one-1", "three-1"}
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert details["SrcVersions"] == {"SrcVersion": ["1.0.0", "1.2.0"]}


def test_specific_takes_the_named_devices(fleet: Fleet) -> None:
    """§5.7 (TargetDeviceName.N)."""
    first, _, third = fleet.devices(3)

    job = fleet.job(fleet.package(), [third, first])

    assert set(fleet.api.states(job)) == {first.name, third.name}


def test_a_job_for_a_module_is_for_devices_that_reported_the_module(fleet: Fleet) -> None:
    """§4.1 (ModuleName), §6.9 (version unknown)."""
    fleet.device("plain-1")
    fleet.device("mcu-1", "0.9", "MCU")
    firmware = fleet.package(ModuleName="MCU", DestVersion="1.0")

    job = fleet.job(firmware)

    assert fleet.api.states(job) == {"mcu-1": "QUEUED"}
    assert fleet.api.tasks(job)[0]["SrcVersion"] == "0.9"


def test_nobody_left_is_an_error(fleet: Fleet) -> None:
    """§5.7 static rule 3."""
    firmware = fleet.package()
    assert fleet.refused_job(firmware) == "iot.firmware.NoDeviceCanUpgrade"
    fleet.device("updated-1", "2.0.0")
    fleet.device("silent-1", None)

    assert fleet.refused_job(firmware) == "iot.firmware.NoDeviceCanUpgrade"
    assert fleet.refused_job(firmware, SrcVersion=["1.0.0"]) == "iot.firmware.NoDeviceCanUpgrade"
    assert fleet.api.call("ListOTAJobByFirmware", FirmwareId=firmware, CurrentPage=1, PageSize=10)["Total"] == 0


def test_a_named_device_that_cannot_take_the_package_is_an_error(fleet: Fleet) -> None:
    """§12 (10): errors for named devices, and no task for the others."""
    firmware = fleet.package()
    able, updated, silent = fleet.device(), fleet.device("updated-1", "2.0.0"), fleet.device("silent-1", None)

    assert fleet.refused_job(firmware, [able, updated]) == PREFIX + "DeviceWithDestinationVersionInArray"
    assert fleet.refused_job(firmware, [able, silent]) == PREFIX + "NonVersionedDeviceInArray"
    assert fleet.refused_job(firmware, [able], TargetDeviceName=[able.name, "nobody"]) == "iot.device.NotExistedDevice"
    assert fleet.api.call("ListOTAJobByFirmware", FirmwareId=firmware, CurrentPage=1, PageSize=10)["Total"] == 0


def test_a_differential_package_is_for_its_source_version(fleet: Fleet) -> None:
    """§4.1 (Type 1), §5.7 (SrcVersion.N, TargetDeviceName.N)."""
    right, wrong = fleet.device("right-1", "1.0.0"), fleet.device("wrong-1", "1.5.0")
    firmware = fleet.package(Type=1, SrcVersion="1.0.0")

    assert fleet.refused_job(firmware, [right, wrong]) == PREFIX + "SrcVersionMismatch"
    assert fleet.refused_job(firmware, SrcVersion=["1.5.0"]) == PREFIX + "UpgradeSrcVersionMismatch"
    assert fleet.refused_job(firmware, SrcVersion=["1.0.0", "1.5.0"]) == PREFIX + "MoreThanOneSrcVersion"
    job = fleet.job(firmware)

    assert fleet.api.states(job) == {right.name: "QUEUED"}
    assert fleet.connect(right).offer()["isDiff"] == 1
    assert (fleet.package_info(firmware)["Type"], fleet.package_info(firmware)["SrcVersion"]) == (1, "1.0.0")


def test_a_full_package_may_name_a_source_version_that_binds_no_job(fleet: Fleet) -> None:
    """§4.1: SrcVersion is optional when Type is 0."""
    device = fleet.device("other-1", "1.5.0")

    job = fleet.job(fleet.package(SrcVersion="1.0.0"))

    assert fleet.state(job, device) == "QUEUED"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"TargetSelection": "SOME"}, PREFIX + "InvalidTargetSelection"),
        ({"TargetSelection": "SPECIFIC"}, PREFIX + "NullTargetDeviceNames"),
        ({"TargetDeviceName": ["device-1"]}, PREFIX + "TargetDeviceNamesNotAllowed"),
        (
            {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["device-1"], "SrcVersion": ["1.0.0"]},
            PREFIX + "SrcVersionsNotAllowed",
        ),
        (
            {"TargetSelection": "SPECIFIC", "TargetDeviceName": ["device-1", "device-1"]},
            "iot.common.InvalidFormattedParameter",
        ),
        (
            {"TargetSelection": "SPECIFIC", "TargetDeviceName": [f"d-{number:03}" for number in range(201)]},
            PREFIX + "ParameterSizeExceedMax",
        ),
        ({"SrcVersion": [f"1.0.{number}" for number in range(11)]}, PREFIX + "SrcVersionsSizeExceedMax"),
        ({"SrcVersion": ["1.0.0", "1.0.0"]}, "iot.common.InvalidFormattedParameter"),
        ({"SrcVersion": ["2.0.0"]}, PREFIX + "SrcDestVersionMatched"),
        ({"SrcVersion": ["a b"]}, PREFIX + "IncorrectFormattedSrcVersion"),
        ({"MaximumPerMinute": 9}, PREFIX + "InvalidMaximumPerMinute"),
        ({"MaximumPerMinute": 10_001}, PREFIX + "InvalidMaximumPerMinute"),
        ({"TimeoutInMinutes": 0}, PREFIX + "InvalidTimeoutSetting"),
        ({"TimeoutInMinutes": 1_441}, PREFIX + "InvalidTimeoutSetting"),
        ({"OverwriteMode": 3}, PREFIX + "InvalidOverwriteMode"),
        ({"OverwriteMode": 2, "MultiModuleMode": True}, PREFIX + "InvalidOverwriteMode"),
        ({"FirmwareId": "x" * 26}, PREFIX + "FirmwareNotFound"),
        ({"ProductKey": "a1NoSuchKey"}, "iot.prod.NotExistedProduct"),
        ({"TargetSelection": "GRAY"}, PREFIX + "NullGrayPercent"),
        ({"TargetSelection": "GRAY", "GrayPercent": "1,5"}, PREFIX + "BadlyFormattedGrayPercent"),
        ({"TargetSelection": "GRAY", "GrayPercent": "0.1234"}, PREFIX + "BadlyFormattedGrayPercent"),
        ({"TargetSelection": "GRAY", "GrayPercent": "0"}, PREFIX + "InvalidGrayPercent"),
        ({"TargetSelection": "GRAY", "GrayPercent": "100.001"}, PREFIX + "InvalidGrayPercent"),
        ({"GrayPercent": "50"}, PREFIX + "InvalidGrayPercent"),
        ({"TargetSelection": "GROUP", "GroupType": "LINK_PLATFORM"}, "iot.group.NullGroupId"),
        ({"TargetSelection": "GROUP", "GroupId": "g", "GroupType": "LINK_PLATFORM"}, "iot.group.NotExistedGroup"),
        ({"TargetSelection": "GROUP", "GroupId": "g", "GroupType": "SOME"}, "iot.common.InvalidFormattedParameter"),
        ({"GroupId": "g", "GroupType": "LINK_PLATFORM"}, "iot.common.InvalidFormattedParameter"),
        (
            {"TargetSelection": "GROUP", "GroupId": "g", "GroupType": "LINK_PLATFORM", "SrcVersion": ["1.0.0"]},
            PREFIX + "SrcVersionsNotAllowed",
        ),
        ({"ScheduleFinishTime": 1_795_000_000_000}, PREFIX + "ScheduleFinishTimeWithoutStartTime"),
        ({"ScheduleTime": 1_595_000_000_000}, PREFIX + "FireTimeMustLargeThanCurrentTime"),
        ({"RetryInterval": 5, "RetryCount": 1}, PREFIX + "InvalidRetryInterval"),
        ({"RetryInterval": 60, "RetryCount": 1, "TimeoutInMinutes": 60}, PREFIX + "InvalidRetryInterval"),
        ({"RetryCount": 1}, PREFIX + "InvalidRetryInterval"),
        ({"RetryInterval": 10}, PREFIX + "InvalidRetryCount"),
        ({"RetryInterval": 10, "RetryCount": 3}, PREFIX + "InvalidRetryCount"),
        (
            {"TargetSelection": "SPECIFIC", "DnListFileUrl": "http://ota.test/objects/ota/none.csv"},
            "iot.common.InvalidFormattedParameter",
        ),
        ({"DownloadProtocol": "FTP"}, "iot.common.InvalidFormattedParameter"),
    ],
    ids=str,
)
def test_a_bad_value_has_its_documented_code(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§5.7, §8.2."""
    fleet.device()

    assert fleet.refused_job(fleet.package(), **parameters) == code


def test_the_package_belongs_to_the_product(fleet: Fleet) -> None:
    """§5.7, §8.2."""
    other = fleet.api.create_product(f"other_{fleet.product}")

    assert fleet.refused_job(fleet.package(), ProductKey=other) == PREFIX + "FirmwareAndProductKeyMismatch"


def test_a_job_names_up_to_200_devices(fleet: Fleet) -> None:
    """§5.7 (TargetDeviceName.N)."""
    found = fleet.api.registered(fleet.product, fleet.api.register_many(fleet.product, 200), 200)

    assert fleet.refused_job(fleet.package(), found) == PREFIX + "NonVersionedDeviceInArray"
