"""QueryOTATaskHistory, an operation of our own: what happened to a task, in its order."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import Device, items
from tests.support.device import Notice, download
from tests.support.server import wait_until

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


def test_what_was_downloaded_for_a_task_is_told(fleet: Fleet) -> None:
    """Bytes, requests and failures, counted by the URL of the offer; an application's own URL counts for no task."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    notice = Notice.parse(json.dumps(fleet.connect(device).push(), separators=(",", ":")))
    download(notice)
    url = fleet.api.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]["FirmwareUrl"]
    download(replace(notice, url=url))

    def counts() -> tuple[int, int, int]:
        data = told(fleet, job, device)["Data"]
        return data["DownloadBytes"], data["DownloadRequests"], data["DownloadFailures"]

    wait_until(lambda: counts() == (notice.size, 1, 0), what="the download being counted")
    assert "&t=" in notice.url
    assert "&t=" not in url


def test_a_download_goes_on_when_its_task_is_cancelled(fleet: Fleet) -> None:
    """A URL is valid until it expires or the package is deleted."""
    device = fleet.device()
    firmware = fleet.package()
    fleet.job(firmware, [device])
    notice = Notice.parse(json.dumps(fleet.connect(device).push(), separators=(",", ":")))
    fleet.cancel(firmware, [device.name])

    assert len(download(notice)) == notice.size


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
