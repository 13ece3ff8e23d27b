"""Dynamic jobs (control-plane reference §5.7, dynamic rules)."""

from typing import Any

import pytest

from tests.scenario.support import Fleet

pytestmark = pytest.mark.rule("CreateOTADynamicUpgradeJob")

PREFIX = "iot.firmware."


def dynamic(fleet: Fleet, firmware: str, **more: Any) -> str:
    """A dynamic job for 1.0.0, or as it is told."""
    parameters = {"FirmwareId": firmware, "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]} | more
    return str(fleet.api.call("CreateOTADynamicUpgradeJob", **parameters)["Data"]["JobId"])


def refused(fleet: Fleet, firmware: str, **more: Any) -> str:
    """The code with which one is refused."""
    parameters = {"FirmwareId": firmware, "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]} | more
    return fleet.api.refusal("CreateOTADynamicUpgradeJob", **parameters)


@pytest.mark.rule("QueryOTAJob")
def test_a_device_that_reports_a_source_version_is_updated(fleet: Fleet) -> None:
    """§5.7 (DynamicMode 1): devices that match now, and those that match later."""
    present = fleet.device("present-1")
    job = dynamic(fleet, fleet.package())
    newcomer = fleet.api.register(fleet.product, "newcomer-1")
    client = fleet.connect(newcomer)

    assert client.offer()["version"] == "2.0.0"
    assert fleet.api.states(job) == {present.name: "QUEUED", newcomer.name: "NOTIFIED"}
    client.say_version("2.0.0")
    assert fleet.state(job, newcomer) == "SUCCEEDED"
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (details["SelectionType"], details["TargetSelection"], details["DynamicMode"]) == ("DYNAMIC", "ALL", 1)
    assert details["JobStatus"] == "IN_PROGRESS"


def test_mode_2_waits_for_the_next_report(fleet: Fleet) -> None:
    """§5.7 (DynamicMode 2)."""
    present = fleet.device("present-1")
    job = dynamic(fleet, fleet.package(), DynamicMode=2)
    assert fleet.api.states(job) == {}

    fleet.connect(present)

    fleet.wait_for_state(job, present, "NOTIFIED")


def test_other_versions_are_left_alone(fleet: Fleet) -> None:
    """§5.7 (SrcVersion.N)."""
    job = dynamic(fleet, fleet.package())
    fleet.device("other-1", "1.5.0")

    assert fleet.api.states(job) == {}


def test_of_several_dynamic_jobs_the_latest_counts(fleet: Fleet) -> None:
    """§5.7 dynamic rule 2."""
    older = dynamic(fleet, fleet.package("2.0.0"))
    newer = dynamic(fleet, fleet.package("3.0.0"))

    device = fleet.device()

    assert (fleet.api.states(older), fleet.api.states(newer)) == ({}, {device.name: "QUEUED"})


def test_a_package_has_one_running_dynamic_job(fleet: Fleet) -> None:
    """§5.7 dynamic rule 1."""
    firmware = fleet.package()
    dynamic(fleet, firmware)

    assert refused(fleet, firmware, SrcVersion=["0.9.0"]) == PREFIX + "InProgressDynamicJobExisted"


def test_a_device_is_matched_ten_times_at_most(fleet: Fleet) -> None:
    """§5.7 dynamic rule 4."""
    job = dynamic(fleet, fleet.package(), NeedPush=False)
    device = fleet.api.register(fleet.product, "device-1")
    client = fleet.connect(device, None)

    for _ in range(12):
        client.say_version("1.0.0")
        client.say_progress(-1)

    assert [task["TaskStatus"] for task in fleet.api.tasks(job)] == ["FAILED"] * 10


def test_a_package_that_is_not_verified_gets_no_dynamic_job(fleet: Fleet) -> None:
    """§5.7 dynamic rule 6."""
    assert refused(fleet, fleet.package(NeedToVerify=True)) == PREFIX + "FirmwareNotVerified"


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"SrcVersion": []}, PREFIX + "NullSrcVersions"),
        ({"SrcVersion": ["2.0.0"]}, PREFIX + "SrcDestVersionMatched"),
        ({"DynamicMode": 3}, PREFIX + "InvalidDynamicMode"),
        ({"GroupId": "g", "GroupType": "LINK_PLATFORM_DYNAMIC"}, PREFIX + "SrcVersionsNotAllowed"),
        (
            {"SrcVersion": [], "GroupId": "g", "GroupType": "LINK_PLATFORM_DYNAMIC"},
            "iot.group.NotExistedGroup",
        ),
        ({"SrcVersion": [], "GroupId": "g", "GroupType": "LINK_PLATFORM"}, "iot.common.InvalidFormattedParameter"),
    ],
    ids=str,
)
def test_a_bad_value_of_a_dynamic_job_has_its_documented_code(
    fleet: Fleet, parameters: dict[str, Any], code: str
) -> None:
    """§5.7, §8.2."""
    assert refused(fleet, fleet.package(), **parameters) == code


@pytest.mark.rule("CreateOTADynamicRolloutJob")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"TargetSelection": "GRAY"}, PREFIX + "DynamicGrayNotSupported"),
        ({"TargetSelection": "SPECIFIC"}, PREFIX + "DynamicSpecificNotSupported"),
        ({"TargetDeviceName": ["dev-1"]}, PREFIX + "TargetDeviceNamesNotAllowed"),
        ({"GrayPercent": "10"}, PREFIX + "GrayAppliesToStaticOnly"),
        ({"ScheduleTime": 1_795_425_360_000}, "iot.common.InvalidFormattedParameter"),
    ],
    ids=str,
)
def test_what_limits_a_static_job_is_refused(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§5.7 dynamic rule 5, by the operation whose parameters no SDK sorts out."""
    given = {"FirmwareId": fleet.package(), "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]} | parameters
    assert fleet.api.refusal("CreateOTADynamicRolloutJob", **given) == code
