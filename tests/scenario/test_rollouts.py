"""What Skyferry adds: a halt, stages, windows, pause, preview, progress; and nothing of it in original answers."""

from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.server import wait_until

ORIGINAL_KEYS = {
    *("JobId", "FirmwareId", "ProductKey", "Name", "DestVersion", "JobDesc", "JobType", "JobStatus", "SelectionType"),
    *("TargetSelection", "SrcVersions", "OverwriteMode", "MaximumPerMinute", "NeedPush", "NeedConfirm"),
    *("MultiModuleMode", "DownloadProtocol", "Tags", "UtcCreate", "UtcModified", "UtcStartTime", "UtcEndTime"),
}


def rollout_job(fleet: Fleet, firmware: str, **told: Any) -> str:
    """A job for all devices, held back as it is told."""
    parameters = {"FirmwareId": firmware, "ProductKey": fleet.product, "TargetSelection": "ALL"} | told
    return str(fleet.api.call("CreateOTARolloutJob", **parameters)["Data"]["JobId"])


def progress(fleet: Fleet, job: str) -> dict[str, Any]:
    """QueryOTAJobProgress."""
    data: dict[str, Any] = fleet.api.call("QueryOTAJobProgress", JobId=job)["Data"]
    return data


@pytest.mark.rule("PauseOTAJob", "ResumeOTAJob", "QueryOTAJobProgress")
def test_a_paused_job_tells_nobody_until_it_is_resumed(fleet: Fleet) -> None:
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])
    fleet.api.call("PauseOTAJob", JobId=job, Reason="smoke in the lab")
    client = fleet.connect(device)
    assert client.pull()["data"] == {}

    told = progress(fleet, job)
    assert (told["Paused"], told["PauseReason"]) == (True, "paused by root: smoke in the lab")
    assert fleet.api.job_status(job) == "IN_PROGRESS"
    assert fleet.api.refusal("PauseOTAJob", JobId=job) == "skyferry.JobIsPaused"
    fleet.api.call("ResumeOTAJob", JobId=job)

    assert client.offer()["version"] == "2.0.0"
    assert fleet.api.refusal("ResumeOTAJob", JobId=job) == "skyferry.JobIsNotPaused"
    client.say_version("2.0.0")
    assert fleet.api.refusal("PauseOTAJob", JobId=job) == "skyferry.JobHasEnded"


@pytest.mark.rule("CreateOTARolloutJob", "QueryOTAJobProgress", "QueryOTAJob")
def test_a_job_with_stages_goes_on_when_its_stage_has_ended_and_halts_on_failure(fleet: Fleet) -> None:
    devices = fleet.devices(4)
    job = rollout_job(fleet, fleet.package(), Stage=[25, 75, 100], HaltFailureCount=1)
    clients = [fleet.connect(device) for device in devices]
    wait_until(lambda: fleet.api.count(job, "NOTIFIED") == 1, interval=0.05, what="the first stage")
    states = fleet.api.states(job)
    first = next(number for number, device in enumerate(devices) if states[device.name] == "NOTIFIED")
    assert (progress(fleet, job)["Stage"], progress(fleet, job)["StagePercent"]) == (1, 25)

    clients[first].say_version("2.0.0")
    wait_until(lambda: fleet.api.count(job, "NOTIFIED") == 2, interval=0.05, what="the second stage")
    states = fleet.api.states(job)
    second = next(number for number, device in enumerate(devices) if states[device.name] == "NOTIFIED")
    clients[second].say_progress(-1)
    wait_until(lambda: progress(fleet, job)["Paused"], interval=0.05, what="the halt")

    assert progress(fleet, job)["PauseReason"].startswith("halted: 1 updates failed")
    assert sorted(fleet.api.states(job).values()) == ["FAILED", "NOTIFIED", "QUEUED", "SUCCEEDED"]
    assert set(fleet.api.call("QueryOTAJob", JobId=job)["Data"]) <= ORIGINAL_KEYS


@pytest.mark.rule("UpdateOTARollout")
def test_what_holds_a_job_back_can_be_lifted(fleet: Fleet) -> None:
    device = fleet.device()
    closed = {"Window": [{"Cron": "0 0 29 2 *", "Minutes": 1}]}
    job = rollout_job(fleet, fleet.package(), **closed)
    client = fleet.connect(device)
    assert client.pull()["data"] == {}

    fleet.api.call("UpdateOTARollout", JobId=job)

    assert client.pull()["data"]["version"] == "2.0.0"


@pytest.mark.rule("CreateOTARolloutJob", "UpdateOTARollout", "PreviewOTAJob")
@pytest.mark.parametrize("action", ["CreateOTARolloutJob", "PreviewOTAJob", "UpdateOTARollout"])
def test_controls_that_cannot_take_effect_are_refused_with_what_to_change(fleet: Fleet, action: str) -> None:
    device = fleet.device()
    firmware = fleet.package()
    target = {"FirmwareId": firmware, "ProductKey": fleet.product, "TargetSelection": "ALL"}
    if action == "UpdateOTARollout":
        target = {"JobId": fleet.job(firmware, [device])}

    assert fleet.api.refusal(action, **target, Stage=[50, 20, 100]) == "skyferry.InvalidControls"
    assert fleet.api.refusal(action, **target, WindowTimeZone="Middle/Earth") == "skyferry.InvalidControls"


@pytest.mark.rule("PreviewOTAJob")
def test_a_preview_names_whom_the_job_would_update_and_is_refused_where_it_would_be(fleet: Fleet) -> None:
    fleet.devices(3)
    fleet.device("updated-1", "2.0.0")
    target = {"FirmwareId": fleet.package(), "ProductKey": fleet.product}

    found = fleet.api.call("PreviewOTAJob", **target, TargetSelection="ALL")["Data"]

    assert (found["Candidates"], found["Selected"], found["Busy"]) == (3, 3, 0)
    assert found["Versions"] == [{"Version": "1.0.0", "Count": 3}]
    assert found["DeviceNames"] == ["device-1", "device-2", "device-3"]
    assert fleet.api.refusal("PreviewOTAJob", **target, TargetSelection="SOME") == (
        "iot.firmware.InvalidTargetSelection"
    )
    listed = fleet.api.call("ListOTAJobByFirmware", FirmwareId=target["FirmwareId"], CurrentPage=1, PageSize=10)
    assert listed["Total"] == 0


@pytest.mark.rule("QueryOTARollout", "CreateOTARolloutJob", "UpdateOTARollout")
def test_what_holds_a_job_back_is_told_as_it_was_given(fleet: Fleet) -> None:
    fleet.device()
    told = {
        "HaltFailurePercent": 20,
        "HaltMinimumExecuted": 10,
        "Stage": [10, 100],
        "StageSuccessPercent": 90,
        "Window": [{"Cron": "0 2 * * *", "Minutes": 60}],
        "WindowTimeZone": "Europe/Berlin",
    }
    job = rollout_job(fleet, fleet.package(), **told)

    held_back = fleet.api.call("QueryOTARollout", JobId=job)["Data"]
    assert held_back == {
        **{name: value for name, value in told.items() if name not in {"Stage", "Window"}},
        "Stages": told["Stage"],
        "Windows": told["Window"],
    }
    fleet.api.call("UpdateOTARollout", JobId=job)
    assert fleet.api.call("QueryOTARollout", JobId=job)["Data"] == {
        "HaltMinimumExecuted": 1,
        "Stages": [],
        "Windows": [],
        "WindowTimeZone": "UTC",
    }
    assert fleet.api.refusal("QueryOTARollout", JobId="nothing") == "iot.firmware.InvalidOTAJobId"


@pytest.mark.rule("CreateOTADynamicRolloutJob")
def test_a_dynamic_job_is_held_back_from_its_first_push_on(fleet: Fleet) -> None:
    device = fleet.device()
    firmware = fleet.package()
    policy = {"FirmwareId": firmware, "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]}
    assert fleet.api.refusal("CreateOTADynamicRolloutJob", **policy, Stage=[10, 100]) == "skyferry.InvalidControls"
    closed = [{"Cron": "0 0 29 2 *", "Minutes": 1}]
    job = fleet.api.call("CreateOTADynamicRolloutJob", **policy, Window=closed)["Data"]["JobId"]
    client = fleet.connect(device)
    assert client.pull()["data"] == {}

    assert fleet.api.call("QueryOTAJob", JobId=job)["Data"]["SelectionType"] == "DYNAMIC"
    fleet.api.call("UpdateOTARollout", JobId=job)
    assert client.offer()["version"] == "2.0.0"


@pytest.mark.rule("PreviewOTAJob")
def test_a_preview_tells_why_others_are_not_updated(fleet: Fleet) -> None:
    fleet.device("device-old", "0.9.0")
    fleet.device("device-now", "1.0.0")
    fleet.device("device-new", "2.0.0")
    fleet.device("device-silent", None)
    asked = {"FirmwareId": fleet.package(), "ProductKey": fleet.product, "TargetSelection": "ALL"}

    found = fleet.api.call("PreviewOTAJob", **asked, SrcVersion=["1.0.0"])["Data"]

    names = ("Devices", "WithoutVersion", "UpToDate", "OtherVersion", "Candidates", "DeviceNames")
    assert [found[name] for name in names] == [4, 1, 1, 1, 1, ["device-now"]]
