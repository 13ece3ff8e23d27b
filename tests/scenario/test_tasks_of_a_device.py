"""What one device has to do, and in which jobs (control-plane reference §5.10, §6.2; §12, 32)."""

import re
import time
from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import Device, items

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def unfinished(fleet: Fleet, device: Device, **more: Any) -> list[dict[str, Any]]:
    parameters = {"ProductKey": device.product_key, "DeviceName": device.name} | more
    answer = fleet.api.call("ListOTAUnfinishedTaskByDevice", **parameters)
    return items(answer["Data"], "SimpleOTATaskInfo")


def two_modules(fleet: Fleet) -> tuple[Device, str, str]:
    """A device that is in progress with its firmware and has a queued task of another module."""
    device = fleet.device()
    client = fleet.connect(device)
    client.say_version("0.1", "MCU")
    fleet.api.call("CreateOTAModule", ProductKey=fleet.product, ModuleName="MCU")
    firmware = fleet.job(fleet.package(), [device], MultiModuleMode=True)
    client.push()
    client.say_progress(1)
    mcu = fleet.job(fleet.package("0.2", ModuleName="MCU"), [device], MultiModuleMode=True, NeedConfirm=True)
    return device, firmware, mcu


@pytest.mark.rule("ListOTAUnfinishedTaskByDevice")
def test_an_unfinished_task_is_told_in_full(fleet: Fleet) -> None:
    """§6.2 (response)."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])

    [task] = unfinished(fleet, device)

    assert UTC.fullmatch(task.pop("UtcCreate"))
    assert UTC.fullmatch(task.pop("UtcModified"))
    assert task == {
        "TaskId": fleet.task(job, device)["TaskId"],
        "JobId": job,
        "FirmwareId": firmware,
        "ProductKey": fleet.product,
        "ProductName": fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductName"],
        "DeviceName": device.name,
        "IotId": device.iot_id,
        "ModuleName": "default",
        "SrcVersion": "1.0.0",
        "DestVersion": "2.0.0",
        "TaskStatus": "QUEUED",
    }


@pytest.mark.rule("ListOTAUnfinishedTaskByDevice")
def test_tasks_of_all_modules_or_of_one(fleet: Fleet) -> None:
    """§6.2 (ModuleName; absent: all modules)."""
    device, firmware, mcu = two_modules(fleet)

    def jobs(**more: Any) -> list[str]:
        return [task["JobId"] for task in unfinished(fleet, device, **more)]

    assert jobs() == [firmware, mcu]
    assert jobs(ModuleName="MCU") == jobs(ModuleName="mcu") == [mcu]
    assert jobs(ModuleName="default") == [firmware]
    assert jobs(ModuleName="other") == []


@pytest.mark.rule("ListOTAUnfinishedTaskByDevice")
def test_one_state_or_several(fleet: Fleet) -> None:
    """§6.2 (TaskStatus, TaskStatusList), §12 (32): with both, the list counts."""
    device, _, _ = two_modules(fleet)

    def states(**more: Any) -> list[str]:
        return [task["TaskStatus"] for task in unfinished(fleet, device, **more)]

    assert states() == ["IN_PROGRESS", "CONFIRM"]
    assert states(TaskStatus="CONFIRM") == ["CONFIRM"]
    assert states(TaskStatus="QUEUED") == []
    assert states(TaskStatusList=["CONFIRM", "IN_PROGRESS"]) == ["IN_PROGRESS", "CONFIRM"]
    assert states(TaskStatusList=["IN_PROGRESS"], TaskStatus="CONFIRM") == ["IN_PROGRESS"]


@pytest.mark.rule("ListOTAUnfinishedTaskByDevice")
def test_finished_tasks_are_not_listed(fleet: Fleet) -> None:
    """§6.2."""
    device = fleet.device()
    firmware = fleet.package()
    fleet.job(firmware, [device])
    fleet.cancel(firmware, [device.name])

    assert unfinished(fleet, device) == []


@pytest.mark.rule("ListOTAUnfinishedTaskByDevice")
@pytest.mark.parametrize(
    "parameters",
    [{"TaskStatus": "SUCCEEDED"}, {"TaskStatus": "queued"}, {"TaskStatusList": ["QUEUED", "FAILED"]}],
    ids=str,
)
def test_only_unfinished_states_can_be_asked_for(fleet: Fleet, parameters: dict[str, Any]) -> None:
    """§6.2: exactly CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS."""
    device = fleet.device()

    code = fleet.api.refusal("ListOTAUnfinishedTaskByDevice", IotId=device.iot_id, **parameters)

    assert code == "iot.firmware.InvalidTaskStatus"


@pytest.mark.rule("ListOTAUnfinishedTaskByDevice")
def test_the_iot_id_wins_over_the_name(fleet: Fleet) -> None:
    """§6.2."""
    device, other = fleet.devices(2)
    job = fleet.job(fleet.package(), [other])

    assert [task["JobId"] for task in unfinished(fleet, device, IotId=other.iot_id)] == [job]
    assert unfinished(fleet, device) == []


@pytest.mark.rule("ListOTAUnfinishedTaskByDevice")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "iot.device.NullDeviceName"),
        ({"DeviceName": "device-1"}, "iot.device.NullDeviceName"),
        ({"IotId": "unknown"}, "iot.device.InvalidIoTId"),
        ({"ProductKey": "a1None", "DeviceName": "device-1"}, "iot.prod.NotExistedProduct"),
    ],
    ids=str,
)
def test_a_device_has_to_be_named(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§6.2 (one of), §8.5."""
    assert fleet.api.refusal("ListOTAUnfinishedTaskByDevice", **parameters) == code


def jobs_of(fleet: Fleet, firmware: str, device: Device, page: int = 1, size: int = 100) -> tuple[list[str], int, int]:
    answer = fleet.api.call(
        "ListOTAJobByDevice",
        FirmwareId=firmware,
        ProductKey=fleet.product,
        DeviceName=device.name,
        CurrentPage=page,
        PageSize=size,
    )
    found = [job["JobId"] for job in items(answer["Data"], "SimpleOTAJobInfo")]
    return found, answer["Total"], answer["PageCount"]


@pytest.mark.rule("ListOTAJobByDevice")
def test_the_jobs_of_a_package_that_contain_a_device(fleet: Fleet) -> None:
    """§5.10: newest first, whatever became of them, and none of another package or device."""
    device, other = fleet.devices(2)
    firmware = fleet.package()
    first = fleet.job(firmware, [device])
    fleet.cancel(firmware, [device.name])
    fleet.job(firmware, [other])
    fleet.job(fleet.package("3.0.0"), [other], OverwriteMode=2)
    second = fleet.job(firmware)

    assert jobs_of(fleet, firmware, device) == ([second, first], 2, 1)
    assert jobs_of(fleet, firmware, device, page=2, size=1) == ([first], 2, 2)
    assert jobs_of(fleet, firmware, device, page=3, size=1) == ([], 2, 2)


@pytest.mark.rule("ListOTAJobByDevice")
def test_planned_jobs_are_not_listed(fleet: Fleet) -> None:
    """§5.10: IN_PROGRESS, COMPLETED and CANCELED ones are."""
    device = fleet.device()
    firmware = fleet.package()
    fleet.job(firmware, [device], ScheduleTime=int(time.time() * 1_000) + 600_000)

    assert jobs_of(fleet, firmware, device) == ([], 0, 0)


@pytest.mark.rule("ListOTAJobByDevice")
def test_a_job_is_told_as_in_the_list_of_a_package(fleet: Fleet) -> None:
    """§5.10 (response)."""
    device = fleet.device()
    firmware = fleet.package()
    fleet.job(firmware, [device], Tag=[{"Key": "reason", "Value": "test"}])
    page = {"FirmwareId": firmware, "CurrentPage": 1, "PageSize": 10}

    by_device = fleet.api.call("ListOTAJobByDevice", ProductKey=fleet.product, DeviceName=device.name, **page)
    by_package = fleet.api.call("ListOTAJobByFirmware", **page)

    assert by_device["Data"] == by_package["Data"]
    assert items(by_device["Data"], "SimpleOTAJobInfo")[0]["JobStatus"] == "IN_PROGRESS"


@pytest.mark.rule("ListOTAJobByDevice")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"PageSize": 101}, "iot.common.InvalidPageParams"),
        ({"CurrentPage": 0}, "iot.common.InvalidPageParams"),
        ({"FirmwareId": "x" * 26}, "iot.firmware.FirmwareNotFound"),
        ({"ProductKey": "a1None"}, "iot.prod.NotExistedProduct"),
        ({"DeviceName": "nobody"}, "iot.device.NotExistedDevice"),
    ],
    ids=str,
)
def test_a_bad_value_has_its_documented_code(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§5.10, §8."""
    device = fleet.device()
    given = {"ProductKey": fleet.product, "DeviceName": device.name, "CurrentPage": 1, "PageSize": 10}

    refused = fleet.api.refusal("ListOTAJobByDevice", **({"FirmwareId": fleet.package()} | given | parameters))

    assert refused == code
