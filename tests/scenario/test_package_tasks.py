"""The tasks of a package in all its jobs: newest job first, by key, by state and by device."""

import pytest

from tests.scenario.support import Fleet


@pytest.mark.rule("ListOTATaskByFirmware")
def test_tasks_of_all_jobs_are_paged_newest_job_first(fleet: Fleet) -> None:
    devices = fleet.devices(3)
    firmware = fleet.package()
    older = fleet.job(firmware, devices[:2])
    fleet.cancel(firmware, [devices[0].name])
    newer = fleet.job(firmware, [devices[0], devices[2]])

    pages = []
    token: dict[str, str] = {}
    while True:
        answer = fleet.api.call("ListOTATaskByFirmware", FirmwareId=firmware, PageSize=1, **token)
        pages += [(task["JobId"], task["DeviceName"]) for task in answer["Data"]["SimpleOTATaskInfo"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}

    first, second, third = (device.name for device in devices)
    assert pages == [(newer, first), (newer, third), (older, first), (older, second)]


@pytest.mark.rule("ListOTATaskByFirmware")
def test_tasks_of_a_package_are_found_by_state_and_device(fleet: Fleet) -> None:
    devices = fleet.devices(2)
    firmware = fleet.package()
    fleet.job(firmware, devices)
    fleet.cancel(firmware, [devices[0].name])
    again = fleet.job(firmware, devices[:1])

    def listed(**wanted: object) -> list[tuple[str, str]]:
        answer = fleet.api.call("ListOTATaskByFirmware", FirmwareId=firmware, **wanted)
        return [(task["DeviceName"], task["TaskStatus"]) for task in answer["Data"]["SimpleOTATaskInfo"]]

    first, second = (device.name for device in devices)
    assert listed(TaskStatus="CANCELED") == [(first, "CANCELED")]
    assert listed(DeviceName=first) == [(first, "QUEUED"), (first, "CANCELED")]
    assert listed(DeviceName=second, TaskStatus="CANCELED") == []
    page = fleet.api.call("ListOTATaskByFirmware", FirmwareId=firmware, DeviceName=first, PageSize=1)
    assert page["Data"]["SimpleOTATaskInfo"][0]["JobId"] == again
    assert listed(DeviceName=first, NextToken=page["NextToken"]) == [(first, "CANCELED")]


@pytest.mark.rule("ListOTATaskByFirmware")
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"FirmwareId": "nothing"}, "iot.firmware.FirmwareNotFound"),
        ({"TaskStatus": "RUNNING"}, "iot.firmware.InvalidTaskStatus"),
        ({"PageSize": 101}, "iot.common.InvalidPageParams"),
    ],
)
def test_what_is_refused(fleet: Fleet, wrong: dict[str, object], code: str) -> None:
    asked = {"FirmwareId": fleet.package()} | wrong

    assert fleet.api.refusal("ListOTATaskByFirmware", **asked) == code
