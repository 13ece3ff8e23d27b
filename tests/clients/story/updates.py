"""The second half of the story: modules, packages, jobs and tasks."""

import time
from collections.abc import Mapping
from typing import Any, Final

import requests

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import Application, Device, items

_MODULE: Final = "radio"
_MINUTE_MS: Final = 60_000
_PAGE: Final = {"CurrentPage": 1, "PageSize": 10}
_TAG: Final = [{"Key": "reason", "Value": "story"}]


def tell_of_modules(api: Application, fleet: Fleet, device: Device) -> None:
    """Modules; the device has reported the version of one."""
    product = {"ProductKey": device.product_key}
    api.call("CreateOTAModule", **product, ModuleName=_MODULE, AliasName="Radio", Desc="of the story")
    api.call("UpdateOTAModule", **product, ModuleName=_MODULE, AliasName="The_radio", Desc="of the whole story")
    api.call("CreateOTAModule", **product, ModuleName="spare")
    api.call("DeleteOTAModule", **product, ModuleName="spare")
    api.call("ListOTAModuleByProduct", **product)
    with ScriptedDevice(fleet.server.mqtt, device) as client:
        client.say_version("1.0.0")
        client.say_version("1.0.0", _MODULE)
    api.call("ListOTAModuleVersionsByDevice", IotId=device.iot_id, **_PAGE)


def tell_of_packages(api: Application, product: str) -> str:
    """Packages of one file, of several, and for a module; answers the first, which has to be verified."""
    described = {"FirmwareDesc": "of the story", "Udi": '{"k":"v"}'}
    firmware = api.create_package(product, b"firmware", "2.0.0", FirmwareName="story", **described)
    differential = {"ModuleName": _MODULE, "Type": 1, "SrcVersion": "1.0.0", "NeedToVerify": False}
    module = api.create_package(product, b"module", "2.0.0-radio", **described, **differential)
    files = [{"Name": f"part-{number}", "Url": api.upload(b"part")} for number in (1, 2)]
    parts = {"ProductKey": product, "FirmwareName": "parts", "DestVersion": "3.0.0", "MultiFiles": files}
    several = api.call("CreateOTAFirmware", **parts, NeedToVerify=False)["Data"]["FirmwareId"]
    changes = {"FirmwareName": "the_story", "FirmwareDesc": "of the whole story", "FirmwareUdi": '{"k":"w"}'}
    api.call("ModifyOTAFirmware", ProductKey=product, FirmwareId=firmware, **changes)
    api.call("ListOTAFirmware", **_PAGE)
    for found in (firmware, module, several):
        api.call("QueryOTAFirmware", FirmwareId=found)
    api.call("DeleteOTAFirmware", FirmwareId=several)
    return firmware


def tell_of_jobs(api: Application, device: Device, firmware: str, groups: tuple[str, str]) -> None:
    """Jobs of every kind, and what is told of them. Nothing is left to do at the end."""
    package = {"FirmwareId": firmware, "ProductKey": device.product_key}
    *replaced, running = _static_jobs(api, package, groups[0])
    changes = {"UpgradeType": "STATIC", "TargetSelection": "SPECIFIC", "MaximumPerMinute": 20}
    api.call("UpdateOTAJob", JobId=running, **changes, Tags=_TAG)
    for job in (*replaced, running, _scheduled(api, package), *_dynamic_jobs(api, package, groups[1])):
        api.call("QueryOTAJob", JobId=job)
    api.call("CancelOTATaskByJob", JobId=running, CancelQueuedTask=True, CancelNotifiedTask=True)
    api.call("ListOTAJobByFirmware", FirmwareId=firmware, **_PAGE)
    api.call("ListOTAJobByDevice", **package, DeviceName=device.name, **_PAGE)


def verified(api: Application, fleet: Fleet, device: Device, firmware: str) -> None:
    """The device verifies the package."""
    names = {"ProductKey": device.product_key, "TargetDeviceName": [device.name]}
    job = api.call("CreateOTAVerifyJob", FirmwareId=firmware, **names)["Data"]["JobId"]
    with ScriptedDevice(fleet.server.mqtt, device) as client:
        client.say_version("1.0.0")
        client.push()
        client.say_version("2.0.0")
        api.wait_for_job(job)
        client.say_version("1.0.0")


def tell_of_tasks(api: Application, fleet: Fleet, device: Device, firmware: str) -> None:
    """A task's way: confirmed, failed, run again, cancelled."""
    package = {"FirmwareId": firmware, "ProductKey": device.product_key}
    job = api.create_job(firmware, device.product_key, [device.name], NeedConfirm=True, TimeoutInMinutes=60, Tag=_TAG)
    fleet.wait_for_state(job, device, "CONFIRM")
    answer = api.call("ListOTAUnfinishedTaskByDevice", IotId=device.iot_id)
    [task] = items(answer["Data"], "SimpleOTATaskInfo")
    api.call("ConfirmOTATask", TaskId=[task["TaskId"]])
    with ScriptedDevice(fleet.server.mqtt, device) as client:
        client.say_version("1.0.0")
        client.push()
        client.say_progress(-1, description="out of space")
    fleet.wait_for_state(job, device, "FAILED")
    api.call("ListOTATaskByJob", JobId=job)
    api.call("ReupgradeOTATask", JobId=job, TaskId=[task["TaskId"]])
    api.call("CancelOTATaskByDevice", **package, DeviceName=[device.name])


def _static_jobs(api: Application, package: Mapping[str, Any], group: str) -> list[str]:
    retry = {"RetryInterval": 10, "RetryCount": 2, "TimeoutInMinutes": 60}
    targets: list[dict[str, Any]] = [
        {"TargetSelection": "ALL", "SrcVersion": ["1.0.0"], "Tag": _TAG, **retry},
        {"TargetSelection": "GRAY", "GrayPercent": "50"},
        {"TargetSelection": "GROUP", "GroupId": group, "GroupType": "LINK_PLATFORM"},
        {"TargetSelection": "SPECIFIC", "DnListFileUrl": _name_list(api)},
    ]
    return [_created(api, "CreateOTAStaticUpgradeJob", package, OverwriteMode=2, **target) for target in targets]


def _scheduled(api: Application, package: Mapping[str, Any]) -> str:
    start = int(time.time() * 1_000) + 10 * _MINUTE_MS
    window = {"ScheduleTime": start, "ScheduleFinishTime": start + 120 * _MINUTE_MS}
    job = _created(api, "CreateOTAStaticUpgradeJob", package, TargetSelection="ALL", **window)
    api.call("QueryOTAJob", JobId=job)
    api.call("CancelOTATaskByJob", JobId=job, CancelScheduledTask=True)
    return job


def _dynamic_jobs(api: Application, package: Mapping[str, Any], group: str) -> list[str]:
    by_group = {"GroupId": group, "GroupType": "LINK_PLATFORM_DYNAMIC"}
    jobs = []
    for target in ({"SrcVersion": ["0.9.0"], "DynamicMode": 2}, by_group):
        jobs.append(_created(api, "CreateOTADynamicUpgradeJob", package, **target))
        api.call("QueryOTAJob", JobId=jobs[-1])
        api.call("CancelOTAStrategyByJob", JobId=jobs[-1])
    return jobs


def _created(api: Application, action: str, package: Mapping[str, Any], **parameters: Any) -> str:
    return str(api.call(action, **package, **parameters)["Data"]["JobId"])


def _name_list(api: Application) -> str:
    """A list with the name of the first device; answers its URL."""
    ticket = api.call("GenerateDeviceNameListURL")["Data"]
    fields = {"key": ticket["Key"], "policy": ticket["Policy"], "AccessKeyId": ticket["AccessKeyId"]}
    form = fields | {"signature": ticket["Signature"], "success_action_status": "200"}
    assert requests.post(ticket["Host"], data=form, files={"file": b"first\n"}, timeout=60).status_code == 200
    return str(ticket["FileUrl"])
