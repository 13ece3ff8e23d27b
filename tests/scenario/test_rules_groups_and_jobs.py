"""Jobs for groups, and what else binds jobs to devices (control-plane reference §5.7)."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.scenario.support import Accounts, Fleet
from tests.support.api import Device

_serial = itertools.count(1)
STATIC: Final = "LINK_PLATFORM"
DYNAMIC: Final = "LINK_PLATFORM_DYNAMIC"


def group_of(fleet: Fleet, *devices: Device) -> str:
    """A static group with these devices."""
    group = fleet.api.call("CreateDeviceGroup", GroupName=f"for_jobs_{next(_serial)}")["Data"]["GroupId"]
    names = [{"ProductKey": device.product_key, "DeviceName": device.name} for device in devices]
    if names:
        fleet.api.call("BatchAddDeviceGroupRelations", GroupId=group, Device=names)
    return str(group)


def group_job(fleet: Fleet, firmware: str, group: str, **more: Any) -> str:
    return fleet.job(firmware, TargetSelection="GROUP", GroupId=group, GroupType=STATIC, **more)


@pytest.fixture
def thermostats(fleet: Fleet, accounts: Accounts) -> Iterator[str]:
    """A dynamic group of those devices of the product whose name begins with `thermostat`."""
    there = {"IotInstanceId": accounts.instances("root")[0]}
    expression = f'product_key = "{fleet.product}" and name LIKE "thermostat%"'
    new = {"GroupName": f"for_jobs_{next(_serial)}", "DynamicGroupExpression": expression}
    group = fleet.api.call("CreateDeviceDynamicGroup", **there, **new)["Data"]["GroupId"]
    yield str(group)
    fleet.api.call("DeleteDeviceDynamicGroup", **there, GroupId=group)


def dynamic_job(fleet: Fleet, firmware: str, target: Mapping[str, Any], **more: Any) -> str:
    parameters = {"FirmwareId": firmware, "ProductKey": fleet.product, **target, **more}
    return str(fleet.api.call("CreateOTADynamicUpgradeJob", **parameters)["Data"]["JobId"])


@pytest.mark.rule("CreateOTAStaticUpgradeJob", "QueryOTAJob")
def test_a_job_for_a_group_takes_those_of_its_devices_that_can_be_updated(fleet: Fleet) -> None:
    """§5.7 (GROUP), §5.9."""
    inside, _outside = fleet.device("inside"), fleet.device("outside")
    updated, silent = fleet.device("updated", "2.0.0"), fleet.device("silent", None)
    group = group_of(fleet, inside, updated, silent)

    job = group_job(fleet, fleet.package(), group)

    assert fleet.api.states(job) == {"inside": "QUEUED"}
    data = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (data["TargetSelection"], data["GroupId"]) == ("GROUP", group)
    assert data["GroupName"].startswith("for_jobs_")


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_a_job_for_a_group_of_nobody_is_refused(fleet: Fleet) -> None:
    """§5.7 static rule 3."""
    fleet.device()

    code = fleet.refused_job(fleet.package(), TargetSelection="GROUP", GroupId=group_of(fleet), GroupType=STATIC)

    assert code == "iot.firmware.NoDeviceCanUpgrade"


@pytest.mark.rule("CreateOTAStaticUpgradeJob", "BatchDeleteDeviceGroupRelations", "DeleteDeviceGroup")
def test_a_device_that_leaves_its_group_keeps_its_task(fleet: Fleet) -> None:
    """§5.7 dynamic rule 7, §9.4."""
    device = fleet.device()
    group = group_of(fleet, device)
    job = group_job(fleet, fleet.package(), group)

    name = {"ProductKey": fleet.product, "DeviceName": device.name}
    fleet.api.call("BatchDeleteDeviceGroupRelations", GroupId=group, Device=[name])
    fleet.api.call("DeleteDeviceGroup", GroupId=group)

    assert fleet.state(job, device) == "QUEUED"
    client = fleet.connect(device)
    assert client.offer()["version"] == "2.0.0"
    client.say_version("2.0.0")
    assert fleet.state(job, device) == "SUCCEEDED"


@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_a_dynamic_job_for_a_group_updates_who_is_in_it_now_or_later(fleet: Fleet, thermostats: str) -> None:
    """§5.7 (GroupId, GroupType, DynamicMode 1)."""
    now, _ = fleet.device("thermostat-1", "1.7.0"), fleet.device("valve-1", "1.7.0")

    job = dynamic_job(fleet, fleet.package(), {"GroupId": thermostats, "GroupType": DYNAMIC})
    later = fleet.device("thermostat-2", "0.3.0")

    states = fleet.api.states(job)
    assert states.keys() == {now.name, later.name}, "and not the valve"
    assert set(states.values()) <= {"QUEUED", "NOTIFIED"}, "a device that is still online is told at once"
    data = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (data["SelectionType"], data["GroupId"]) == ("DYNAMIC", thermostats)


@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_dynamic_jobs_of_a_group_treat_older_tasks_alike(fleet: Fleet, thermostats: str) -> None:
    """§5.7 (MultiModuleMode: equal to that of the group's existing dynamic job)."""
    target = {"GroupId": thermostats, "GroupType": DYNAMIC}
    dynamic_job(fleet, fleet.package("2.0.0"), target, OverwriteMode=2)
    later = {"FirmwareId": fleet.package("3.0.0"), "ProductKey": fleet.product, **target}

    refused = fleet.api.refusal("CreateOTADynamicUpgradeJob", **later, OverwriteMode=1)

    assert refused == "iot.firmware.InvalidOverwriteMode"
    assert fleet.api.call("CreateOTADynamicUpgradeJob", **later, OverwriteMode=2)["Success"]


@pytest.mark.rule("UpdateOTAJob")
def test_a_job_for_a_group_can_be_changed_but_has_no_source_versions(fleet: Fleet, thermostats: str) -> None:
    """§5.8 (TargetSelection, SrcVersionList): a dynamic job for a group is told as ALL or GROUP."""
    static = group_job(fleet, fleet.package(), group_of(fleet, fleet.device()))
    dynamic = dynamic_job(fleet, fleet.package("3.0.0"), {"GroupId": thermostats, "GroupType": DYNAMIC})

    for job, kind, selection in (
        (static, "STATIC", "GROUP"),
        (dynamic, "DYNAMIC", "ALL"),
        (dynamic, "DYNAMIC", "GROUP"),
    ):
        told = {"JobId": job, "UpgradeType": kind, "TargetSelection": selection, "MaximumPerMinute": 20}
        fleet.api.call("UpdateOTAJob", **told)
        assert fleet.api.call("QueryOTAJob", JobId=job)["Data"]["MaximumPerMinute"] == 20
    assert fleet.api.refusal("UpdateOTAJob", **told, SrcVersionList=["1.0.0"]) == "iot.firmware.SrcVersionsNotAllowed"


@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_a_dynamic_job_leaves_a_device_to_the_job_that_it_is_in(fleet: Fleet) -> None:
    """§5.7 dynamic rule 6."""
    device = fleet.device()
    static = fleet.job(fleet.package("2.0.0"), [device])

    job = dynamic_job(fleet, fleet.package("3.0.0"), {"SrcVersion": ["1.0.0"]}, DynamicMode=2)
    client = fleet.connect(device)

    assert client.offer()["version"] == "2.0.0"
    assert fleet.state(static, device) == "NOTIFIED"
    assert fleet.api.states(job) == {}


@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_a_dynamic_job_can_replace_what_has_not_begun(fleet: Fleet) -> None:
    """§5.7 (OverwriteMode), §6.10."""
    device = fleet.device()
    static = fleet.job(fleet.package("2.0.0"), [device])

    job = dynamic_job(fleet, fleet.package("3.0.0"), {"SrcVersion": ["1.0.0"]}, OverwriteMode=2)
    client = fleet.connect(device)

    assert client.offer()["version"] == "3.0.0"
    assert (fleet.state(static, device), fleet.state(job, device)) == ("CANCELED", "NOTIFIED")


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_a_list_file_for_a_differential_package_passes_over_other_versions(fleet: Fleet) -> None:
    """§5.7 (DnListFileUrl)."""
    right, other, updated = fleet.device("right"), fleet.device("other", "1.5.0"), fleet.device("updated", "2.0.0")
    names = "\n".join(device.name for device in (right, other, updated))

    job = fleet.job(
        fleet.package(Type=1, SrcVersion="1.0.0"),
        TargetSelection="SPECIFIC",
        DnListFileUrl=fleet.api.upload_list(names.encode()),
    )

    assert fleet.api.states(job) == {right.name: "QUEUED"}


@pytest.mark.rule("CreateOTAVerifyJob")
def test_a_verification_can_wait_for_confirmation(fleet: Fleet) -> None:
    """§5.6 (NeedConfirm), §6.3."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)
    job = fleet.verification(firmware, [device], NeedConfirm=True)
    assert fleet.state(job, device) == "CONFIRM"

    fleet.api.call("ConfirmOTATask", TaskId=[fleet.task(job, device)["TaskId"]])
    client = fleet.connect(device)
    client.push()
    client.say_version("2.0.0")

    fleet.wait_for_state(job, device, "SUCCEEDED")
    assert fleet.package_info(firmware)["Status"] == 1


@pytest.mark.rule("CreateOTAVerifyJob")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"TimeoutInMinutes": 0}, "iot.firmware.InvalidTimeoutSetting"),
        ({"TimeoutInMinutes": 1_441}, "iot.firmware.InvalidTimeoutSetting"),
        ({"Tag": [{"Key": "k"}]}, "iot.common.InvalidFormattedParameter"),
    ],
    ids=str,
)
def test_a_bad_value_of_a_verification_has_its_documented_code(
    fleet: Fleet, parameters: dict[str, Any], code: str
) -> None:
    """§5.6, §8.2."""
    device = fleet.device()
    asked = {"FirmwareId": fleet.package(NeedToVerify=True), "ProductKey": fleet.product}

    assert fleet.api.refusal("CreateOTAVerifyJob", **asked, TargetDeviceName=[device.name], **parameters) == code
