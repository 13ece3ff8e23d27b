"""What is told of jobs and tasks (control-plane reference §5.9, §5.10, §6.1, §7.2)."""

import re
from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import items

UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
IDENTIFIER = re.compile(r"[A-Za-z0-9]{20}\d{6}")


def details(fleet: Fleet, job: str) -> dict[str, Any]:
    data: dict[str, Any] = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    return data


@pytest.mark.rule("QueryOTAJob")
def test_a_job_tells_its_options(fleet: Fleet) -> None:
    """§5.9."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(
        firmware,
        [device],
        MaximumPerMinute=500,
        OverwriteMode=2,
        TimeoutInMinutes=30,
        NeedPush=False,
        NeedConfirm=True,
        DownloadProtocol="HTTPS",
    )

    shown = details(fleet, job)

    assert (
        shown.items()
        >= {
            "JobId": job,
            "FirmwareId": firmware,
            "ProductKey": fleet.product,
            "DestVersion": "2.0.0",
            "Name": fleet.package_info(firmware)["FirmwareName"],
            "JobDesc": "batch upgrade",
            "JobType": "UPGRADE_FIRMWARE",
            "JobStatus": "IN_PROGRESS",
            "SelectionType": "STATIC",
            "TargetSelection": "SPECIFIC",
            "MaximumPerMinute": 500,
            "OverwriteMode": 2,
            "TimeoutInMinutes": 30,
            "NeedPush": False,
            "NeedConfirm": True,
            "MultiModuleMode": False,
            "DownloadProtocol": "HTTPS",
        }.items()
    )
    assert IDENTIFIER.fullmatch(job)
    assert IDENTIFIER.fullmatch(firmware)
    assert all(UTC.fullmatch(shown[name]) for name in ("UtcCreate", "UtcModified", "UtcStartTime"))


@pytest.mark.rule("QueryOTAJob", "CreateOTAStaticUpgradeJob")
def test_what_was_not_given_has_its_default_or_is_absent(fleet: Fleet) -> None:
    """§5.7 (defaults), §5.9 (present when)."""
    device = fleet.device()

    shown = details(fleet, fleet.job(fleet.package(), [device]))

    assert (shown["MaximumPerMinute"], shown["OverwriteMode"], shown["DownloadProtocol"]) == (10_000, 1, "HTTPS")
    assert (shown["NeedPush"], shown["NeedConfirm"], shown["MultiModuleMode"]) == (True, False, False)
    absent = {
        "TimeoutInMinutes",
        "UtcEndTime",
        "GrayPercent",
        "GroupId",
        "DynamicMode",
        "RetryCount",
        "UtcScheduleTime",
    }
    assert not absent & set(shown)


@pytest.mark.rule("QueryOTAJob")
def test_the_end_is_told_when_it_came(fleet: Fleet) -> None:
    """§5.9 (UtcEndTime)."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])

    fleet.cancel(firmware, [device.name])

    shown = details(fleet, job)
    assert shown["JobStatus"] == "COMPLETED"
    assert shown["UtcEndTime"] >= shown["UtcStartTime"]


@pytest.mark.rule("ListOTAJobByFirmware")
def test_jobs_of_a_package_are_listed_newest_first(fleet: Fleet) -> None:
    """§5.10."""
    devices = fleet.devices(3)
    firmware = fleet.package()
    made = [fleet.job(firmware, [device], Tag=[{"Key": "n", "Value": device.name}]) for device in devices]
    fleet.cancel(firmware, [devices[0].name])

    def page(number: int, size: int) -> tuple[list[dict[str, Any]], int, int]:
        answer = fleet.api.call("ListOTAJobByFirmware", FirmwareId=firmware, CurrentPage=number, PageSize=size)
        return items(answer["Data"], "SimpleOTAJobInfo"), answer["Total"], answer["PageCount"]

    (newest, middle), total, pages = page(1, 2)
    [oldest], _, _ = page(2, 2)

    assert (total, pages) == (3, 2)
    assert [job["JobId"] for job in (oldest, middle, newest)] == made
    assert (oldest["JobStatus"], newest["JobStatus"]) == ("COMPLETED", "IN_PROGRESS")
    assert "UtcEndTime" in oldest
    assert "UtcEndTime" not in newest
    assert newest["Tags"] == {"OtaTagDTO": [{"Key": "n", "Value": "device-3"}]}


@pytest.mark.rule("ListOTAJobByFirmware")
@pytest.mark.parametrize(("number", "size"), [(0, 10), (1, 0), (1, 201), (-1, 10)])
def test_pages_of_jobs_have_up_to_200_entries(fleet: Fleet, number: int, size: int) -> None:
    """§5.10."""
    firmware = fleet.package()

    code = fleet.api.refusal("ListOTAJobByFirmware", FirmwareId=firmware, CurrentPage=number, PageSize=size)

    assert code == "iot.common.InvalidPageParams"


@pytest.mark.rule("ListOTATaskByJob")
def test_a_task_tells_device_versions_and_progress(fleet: Fleet) -> None:
    """§6.1."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device], TimeoutInMinutes=1_440)

    task = fleet.task(job, device)

    assert (
        task.items()
        >= {
            "JobId": job,
            "FirmwareId": firmware,
            "ProductKey": fleet.product,
            "DeviceName": device.name,
            "IotId": device.iot_id,
            "SrcVersion": "1.0.0",
            "DestVersion": "2.0.0",
            "TaskStatus": "QUEUED",
            "TaskDesc": "",
            "Progress": "0.00",
            "Timeout": "1440",
        }.items()
    )
    assert task["ProductName"].startswith("product_")
    assert re.fullmatch(r"[A-Za-z0-9]{26}", task["TaskId"])
    assert UTC.fullmatch(task["UtcCreate"])


@pytest.mark.rule("ListOTATaskByJob")
def test_a_job_without_timeout_has_tasks_without_one(fleet: Fleet) -> None:
    """§6.1 (Timeout)."""
    device = fleet.device()

    assert "Timeout" not in fleet.task(fleet.job(fleet.package(), [device]), device)


@pytest.mark.rule("ListOTATaskByJob")
def test_task_ids_are_unique_and_stay(fleet: Fleet) -> None:
    """§1.6, §6.1."""
    fleet.devices(3)
    jobs = [fleet.job(fleet.package("2.0.0")), fleet.job(fleet.package("3.0.0"))]

    found = [task["TaskId"] for job in jobs for task in fleet.api.tasks(job)]

    assert len(set(found)) == 6
    assert found == [task["TaskId"] for job in jobs for task in fleet.api.tasks(job)]


@pytest.mark.rule("ListOTATaskByJob")
def test_tasks_are_paged_and_filtered_by_state(fleet: Fleet) -> None:
    """§6.1 (CurrentPage, PageSize, TaskStatus)."""
    devices = fleet.devices(5)
    firmware = fleet.package()
    job = fleet.job(firmware)
    fleet.cancel(firmware, [devices[0].name, devices[4].name])

    def page(**more: Any) -> tuple[list[str], int, int]:
        answer = fleet.api.call("ListOTATaskByJob", JobId=job, **more)
        names = [task["DeviceName"] for task in items(answer["Data"], "SimpleOTATaskInfo")]
        return names, answer["Total"], answer["PageCount"]

    assert page(CurrentPage=2, PageSize=2) == (["device-3", "device-4"], 5, 3)
    assert page(CurrentPage=4, PageSize=2) == ([], 5, 3)
    assert page() == ([device.name for device in devices], 5, 1)
    assert page(TaskStatus="CANCELED") == (["device-1", "device-5"], 2, 1)
    assert page(TaskStatus="CANCELED", CurrentPage=2, PageSize=1) == (["device-5"], 2, 2)
    assert page(TaskStatus="SUCCEEDED") == ([], 0, 0)


@pytest.mark.rule("ListOTATaskByJob")
def test_named_devices_win_over_the_page(fleet: Fleet) -> None:
    """§6.1 (DeviceNames.N)."""
    fleet.devices(3)
    job = fleet.job(fleet.package())

    found = fleet.api.call(
        "ListOTATaskByJob", JobId=job, CurrentPage=0, PageSize=101, DeviceNames=["device-3", "nobody", "device-1"]
    )

    assert {task["DeviceName"] for task in items(found["Data"], "SimpleOTATaskInfo")} == {"device-1", "device-3"}
    assert [found[name] for name in ("CurrentPage", "PageSize", "PageCount", "Total")] == [1, 2, 1, 2]


@pytest.mark.rule("ListOTATaskByJob")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"PageSize": 101}, "iot.common.InvalidPageParams"),
        ({"CurrentPage": 0}, "iot.common.InvalidPageParams"),
        ({"CurrentPage": 1_001, "PageSize": 100}, "iot.common.InvalidPageParams"),
        ({"TaskStatus": "CANCELLED"}, "iot.firmware.InvalidTaskStatus"),
        ({"DeviceNames": [f"d-{number}" for number in range(51)]}, "iot.firmware.ParameterSizeExceedMax"),
        ({"JobId": "x" * 26}, "iot.firmware.InvalidOTAJobId"),
    ],
    ids=str,
)
def test_a_bad_value_has_its_documented_code(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§6.1, §8.2."""
    fleet.device()
    job = fleet.job(fleet.package())

    assert fleet.api.refusal("ListOTATaskByJob", **({"JobId": job} | parameters)) == code
