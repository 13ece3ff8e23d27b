"""QueryOTATaskHistory, an operation of our own: what happened to a task, in its order."""

from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import Device, items

pytestmark = pytest.mark.rule("QueryOTATaskHistory")


def told(fleet: Fleet, job: str, device: Device, **more: Any) -> dict[str, Any]:
    return fleet.api.call("QueryOTATaskHistory", TaskId=fleet.task(job, device)["TaskId"], **more)


def changes(answer: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = items(answer["Data"]["Changes"], "TaskChange")
    return [(row["Event"], row["TaskStatus"], row["TaskDesc"]) for row in rows]


def test_everything_that_happened_to_a_task_is_told_in_order(fleet: Fleet) -> None:
    """Each change of the state, with its time and what was said of it."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], NeedConfirm=True)
    client = fleet.connect(device)
    fleet.api.call("ConfirmOTATask", TaskId=[fleet.task(job, device)["TaskId"]])
    client.push()
    client.say_progress(10)
    client.say_progress(-2, description="no room")
    fleet.api.call("ReupgradeOTATask", JobId=job, TaskId=[fleet.task(job, device)["TaskId"]])

    answer = told(fleet, job, device)

    assert changes(answer) == [
        ("CONFIRMED", "QUEUED", ""),
        ("PUSHED", "NOTIFIED", ""),
        ("PROGRESS_REPORTED", "IN_PROGRESS", ""),
        ("FAILURE_REPORTED", "FAILED", "the download failed: no room"),
        ("RERUN_UNCONFIRMED", "CONFIRM", ""),
    ]
    task = fleet.task(job, device)
    data = answer["Data"]
    shared = ("TaskId", "JobId", "DeviceName", "SrcVersion", "DestVersion", "TaskStatus", "UtcCreate")
    assert {name: data[name] for name in shared} == {name: task[name] for name in shared}
    assert data["ModuleName"] == "default"
    times = [row["UtcChange"] for row in items(data["Changes"], "TaskChange")]
    assert times == sorted(times)
    assert times[0] >= data["UtcCreate"]


def test_a_new_task_has_no_history(fleet: Fleet) -> None:
    """What is told begins after the creation."""
    device = fleet.device()

    answer = told(fleet, fleet.job(fleet.package(), [device]), device)

    assert (changes(answer), answer["Total"], answer["PageCount"]) == ([], 0, 0)


def test_a_long_history_is_paged(fleet: Fleet) -> None:
    """From the oldest change on."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    for _ in range(2):
        fleet.cancel(firmware, [device.name])
        fleet.api.call("ReupgradeOTATask", JobId=job, TaskId=[fleet.task(job, device)["TaskId"]])

    answer = told(fleet, job, device, CurrentPage=2, PageSize=3)

    assert [event for event, _, _ in changes(answer)] == ["RERUN"]
    assert (answer["Total"], answer["PageCount"], answer["CurrentPage"], answer["PageSize"]) == (4, 2, 2, 3)
    for page in ({"CurrentPage": 0}, {"PageSize": 101}):
        task_id = fleet.task(job, device)["TaskId"]
        assert fleet.api.refusal("QueryOTATaskHistory", TaskId=task_id, **page) == "iot.common.InvalidPageParams"


def test_the_task_has_to_exist(fleet: Fleet) -> None:
    """As with the operations that change tasks."""
    for task_id, code in (("x" * 26, "InvalidOTATaskId"), ("", "NullTaskId")):
        assert fleet.api.refusal("QueryOTATaskHistory", TaskId=task_id) == f"iot.firmware.{code}"
