"""What lists of jobs and tasks tell (control-plane reference §5.10, §6.1, §6.10)."""

import time

import pytest

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import items


@pytest.mark.rule("ListOTATaskByJob", "ListOTAUnfinishedTaskByDevice")
def test_the_source_version_is_that_of_the_package_s_module(fleet: Fleet) -> None:
    """§6.1 (SrcVersion)."""
    device = fleet.device(version="1.0.0")
    fleet.api.call("CreateOTAModule", ProductKey=fleet.product, ModuleName="radio")
    with ScriptedDevice(fleet.server.mqtt, device) as client:
        client.say_version("0.4.0", "radio")

    job = fleet.job(fleet.package("0.5.0", ModuleName="radio"), [device])

    assert (fleet.task(job, device)["SrcVersion"], fleet.task(job, device)["DestVersion"]) == ("0.4.0", "0.5.0")
    answer = fleet.api.call("ListOTAUnfinishedTaskByDevice", IotId=device.iot_id)
    [task] = items(answer["Data"], "SimpleOTATaskInfo")
    assert (task["SrcVersion"], task["ModuleName"]) == ("0.4.0", "radio")


@pytest.mark.rule("ListOTAJobByFirmware")
def test_the_list_tells_jobs_of_every_kind_and_state(fleet: Fleet) -> None:
    """§5.10, §7.2."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)
    fleet.verification(firmware, [device])
    with ScriptedDevice(fleet.server.mqtt, device) as client:
        client.say_version("1.0.0")
        client.push()
        client.say_version("2.0.0")
        client.say_version("1.0.0")
    start = int(time.time() * 1_000) + 600_000
    fleet.job(firmware, ScheduleTime=start)
    asked = {"FirmwareId": firmware, "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]}
    fleet.api.call("CreateOTADynamicUpgradeJob", **asked)

    answer = fleet.api.call("ListOTAJobByFirmware", FirmwareId=firmware, CurrentPage=1, PageSize=10)

    told = [
        (job["JobType"], job["SelectionType"], job["TargetSelection"], job["JobStatus"])
        for job in items(answer["Data"], "SimpleOTAJobInfo")
    ]
    assert told == [
        ("UPGRADE_FIRMWARE", "DYNAMIC", "ALL", "IN_PROGRESS"),
        ("UPGRADE_FIRMWARE", "STATIC", "ALL", "PLANNED"),
        ("VERIFY_FIRMWARE", "STATIC", "SPECIFIC", "COMPLETED"),
    ]


@pytest.mark.rule("CreateOTAVerifyJob")
def test_a_verification_is_in_the_way_of_other_updates_of_its_devices(fleet: Fleet) -> None:
    """§5.7 static rule 4, §6.10."""
    device = fleet.device()
    verification = fleet.verification(fleet.package("2.0.0", NeedToVerify=True), [device])

    later = fleet.job(fleet.package("3.0.0"), [device])

    assert (fleet.state(verification, device), fleet.state(later, device)) == ("QUEUED", "FAILED")
