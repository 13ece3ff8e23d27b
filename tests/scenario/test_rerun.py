"""ReupgradeOTATask (control-plane reference §6.4, §6.10; §12, 4, 12 and 13)."""

import time
from typing import Any

import pytest

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import Device

pytestmark = pytest.mark.rule("ReupgradeOTATask")

PREFIX = "iot.firmware."


def rerun(fleet: Fleet, job: str, *devices: Device) -> None:
    fleet.api.call("ReupgradeOTATask", JobId=job, TaskId=[fleet.task(job, device)["TaskId"] for device in devices])


def refused(fleet: Fleet, job: str, *task_ids: str) -> str:
    return fleet.api.refusal("ReupgradeOTATask", JobId=job, TaskId=list(task_ids))


def task_id(fleet: Fleet, job: str, device: Device) -> str:
    return str(fleet.task(job, device)["TaskId"])


def cancelled(fleet: Fleet, *devices: Device, version: str = "2.0.0", **options: Any) -> str:
    """A job of which all tasks were cancelled."""
    firmware = fleet.package(version)
    job = fleet.job(firmware, devices, **options)
    fleet.cancel(firmware, [device.name for device in devices])
    return job


def failed(fleet: Fleet, device: Device, **options: Any) -> tuple[str, ScriptedDevice]:
    """A job of which the only task has failed."""
    job = fleet.job(fleet.package(), [device], **options)
    client = fleet.connect(device)
    client.push()
    client.say_progress(10)
    client.say_progress(-2)
    assert fleet.state(job, device) == "FAILED"
    return job, client


def test_a_failed_task_runs_again(fleet: Fleet) -> None:
    """§6.4 (the same task is run again), §12 (12): progress and description begin anew, the creation stays."""
    device = fleet.device()
    job, client = failed(fleet, device)
    before = fleet.task(job, device)
    assert before["TaskDesc"]

    rerun(fleet, job, device)

    assert client.offer()["version"] == "2.0.0"
    fleet.wait_for_state(job, device, "NOTIFIED")
    task = fleet.task(job, device)
    assert {name: task[name] for name in ("TaskId", "UtcCreate")} == {
        name: before[name] for name in ("TaskId", "UtcCreate")
    }
    assert (task["Progress"], task["TaskDesc"]) == ("0.00", "")
    client.say_version("2.0.0")
    assert fleet.state(job, device) == "SUCCEEDED"


def test_a_cancelled_task_runs_again(fleet: Fleet) -> None:
    """§6.4: an offline device is told at its next connection."""
    device = fleet.device()
    job = cancelled(fleet, device)

    rerun(fleet, job, device)

    assert fleet.state(job, device) == "QUEUED"
    assert fleet.connect(device).offer()["version"] == "2.0.0"


@pytest.mark.parametrize("ending", ["COMPLETED", "CANCELED"])
def test_a_job_that_has_ended_goes_on(fleet: Fleet, ending: str) -> None:
    """§12 (13)."""
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    if ending == "COMPLETED":
        fleet.cancel(firmware, [device.name])
    else:
        fleet.api.call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True)
    assert fleet.api.job_status(job) == ending

    rerun(fleet, job, device)

    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert details["JobStatus"] == "IN_PROGRESS"
    assert "UtcEndTime" not in details
    fleet.connect(device, "2.0.0")
    assert fleet.api.job_status(job) == "COMPLETED"


def test_a_job_with_confirmation_needs_it_again(fleet: Fleet) -> None:
    """§6.4, §12 (12)."""
    device = fleet.device()
    job = cancelled(fleet, device, NeedConfirm=True)

    rerun(fleet, job, device)

    assert fleet.state(job, device) == "CONFIRM"
    client = fleet.connect(device)
    assert client.pull()["data"] == {}
    fleet.api.call("ConfirmOTATask", TaskId=[task_id(fleet, job, device)])
    assert client.offer()["version"] == "2.0.0"


def test_the_source_version_is_what_the_device_runs_now(fleet: Fleet) -> None:
    """§12 (12): counters start anew."""
    device = fleet.device()
    job = cancelled(fleet, device)
    fleet.connect(device, "1.5.0")

    rerun(fleet, job, device)

    assert fleet.task(job, device)["SrcVersion"] == "1.5.0"


def test_the_retries_are_counted_anew(fleet: Fleet) -> None:
    """§12 (12)."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], RetryInterval=0, RetryCount=1)
    client = fleet.connect(device)
    for _ in range(2):
        client.push()
        client.say_progress(-1)
    assert fleet.state(job, device) == "FAILED"

    rerun(fleet, job, device)

    for state in ("NOTIFIED", "FAILED"):
        client.push()
        client.say_progress(-1)
        fleet.wait_for_state(job, device, state)


def test_one_bad_task_id_fails_the_whole_call(fleet: Fleet) -> None:
    """§12 (4): nothing changes."""
    first, second, other = fleet.devices(3)
    job = cancelled(fleet, first, second)
    foreign = cancelled(fleet, other, version="3.0.0")
    rerun(fleet, job, second)
    good = task_id(fleet, job, first)

    assert refused(fleet, job, good, "x" * 26) == f"{PREFIX}InvalidOTATaskId"
    assert refused(fleet, job, good, "") == f"{PREFIX}NullTaskId"
    assert refused(fleet, job, good, task_id(fleet, foreign, other)) == f"{PREFIX}InvalidOTATaskId"
    assert refused(fleet, job, good, task_id(fleet, job, second)) == f"{PREFIX}InvalidTaskStatus"
    assert refused(fleet, "x" * 26, good) == f"{PREFIX}InvalidOTAJobId"
    assert refused(fleet, job) == "MissingTaskId"
    assert fleet.api.states(job) == {first.name: "CANCELED", second.name: "QUEUED"}


def test_one_to_ten_task_ids(fleet: Fleet) -> None:
    """§6.4."""
    devices = fleet.devices(11)
    job = cancelled(fleet, *devices)
    tasks = [task_id(fleet, job, device) for device in devices]

    assert refused(fleet, job, *tasks) == f"{PREFIX}ParameterSizeExceedMax"
    assert refused(fleet, job, tasks[0], tasks[0]) == "iot.common.InvalidFormattedParameter"
    rerun(fleet, job, *devices[:10])
    states = fleet.api.states(job)
    assert [states[device.name] for device in devices] == ["QUEUED"] * 10 + ["CANCELED"]


def test_a_task_of_an_unverified_package_does_not_run_again(fleet: Fleet) -> None:
    """§6.4; a verification does not run again either way: it is made anew."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)
    job = fleet.verification(firmware, [device])
    client = fleet.connect(device)
    client.push()
    client.say_progress(-1)

    assert refused(fleet, job, task_id(fleet, job, device)) == f"{PREFIX}ReUpgradeFailedFirmwareNotVerified"
    fleet.verification(firmware, [device])
    client.say_version("2.0.0")
    assert refused(fleet, job, task_id(fleet, job, device)) == f"{PREFIX}InvalidOTAJobId"


def test_a_device_that_runs_the_target_by_now_is_refused(fleet: Fleet) -> None:
    """§6.4: there is nothing to update."""
    device = fleet.device()
    job = cancelled(fleet, device)
    fleet.connect(device, "2.0.0")

    assert refused(fleet, job, task_id(fleet, job, device)) == f"{PREFIX}DeviceWithDestinationVersionInArray"


def test_a_differential_package_fits_its_source_version_only(fleet: Fleet) -> None:
    """§6.4."""
    device = fleet.device()
    firmware = fleet.package(Type=1, SrcVersion="1.0.0")
    job = fleet.job(firmware, [device])
    fleet.cancel(firmware, [device.name])
    fleet.connect(device, "1.5.0")

    assert refused(fleet, job, task_id(fleet, job, device)) == f"{PREFIX}SrcVersionMismatch"


def test_another_open_task_of_the_device_is_in_the_way(fleet: Fleet) -> None:
    """§12 (13): the overlap rule applies."""
    device = fleet.device()
    job = cancelled(fleet, device)
    other = fleet.job(fleet.package("3.0.0"), [device])

    assert refused(fleet, job, task_id(fleet, job, device)) == f"{PREFIX}InvalidTaskStatus"
    assert (fleet.state(job, device), fleet.state(other, device)) == ("CANCELED", "QUEUED")


def test_a_job_that_overwrites_replaces_what_has_not_begun(fleet: Fleet) -> None:
    """§6.10 (OverwriteMode=2)."""
    device = fleet.device()
    job = cancelled(fleet, device, OverwriteMode=2)
    other = fleet.job(fleet.package("3.0.0"), [device])

    rerun(fleet, job, device)

    assert (fleet.state(job, device), fleet.state(other, device)) == ("QUEUED", "CANCELED")
    client = fleet.connect(device)
    assert client.offer()["version"] == "2.0.0"
    assert client.pushes() == []


def test_what_a_device_has_begun_is_not_replaced(fleet: Fleet) -> None:
    """§6.10 (IN_PROGRESS: old runs on)."""
    device = fleet.device()
    job = cancelled(fleet, device, OverwriteMode=2)
    other = fleet.job(fleet.package("3.0.0"), [device])
    client = fleet.connect(device)
    client.push()
    client.say_progress(5)

    assert refused(fleet, job, task_id(fleet, job, device)) == f"{PREFIX}InvalidTaskStatus"
    assert (fleet.state(job, device), fleet.state(other, device)) == ("CANCELED", "IN_PROGRESS")


def test_with_multi_module_mode_another_module_is_not_in_the_way(fleet: Fleet) -> None:
    """§6.10 (MultiModuleMode=true)."""
    device = fleet.device()
    fleet.connect(device).say_version("0.1", "MCU")
    fleet.api.call("CreateOTAModule", ProductKey=fleet.product, ModuleName="MCU")
    job = cancelled(fleet, device, MultiModuleMode=True)
    same = fleet.job(fleet.package("3.0.0"), [device], MultiModuleMode=True)
    other = fleet.job(fleet.package("0.2", ModuleName="MCU"), [device], MultiModuleMode=True)

    rerun(fleet, job, device)

    assert fleet.state(job, device) in {"QUEUED", "NOTIFIED"}
    assert fleet.state(same, device) == "CANCELED"
    assert fleet.state(other, device) in {"QUEUED", "NOTIFIED"}


def test_an_ended_policy_stays_ended(fleet: Fleet) -> None:
    """§12 (13, 14): the dynamic job updates the device and matches no others."""
    device = fleet.device()
    parameters = {"FirmwareId": fleet.package(), "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]}
    job = str(fleet.api.call("CreateOTADynamicUpgradeJob", **parameters)["Data"]["JobId"])
    fleet.api.call("CancelOTAStrategyByJob", JobId=job)
    fleet.api.call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True)

    rerun(fleet, job, device)

    assert fleet.api.job_status(job) == "CANCELED"
    fleet.device("late-1")
    client = fleet.connect(device)
    assert client.offer()["version"] == "2.0.0"
    client.say_version("2.0.0")
    assert fleet.api.states(job) == {device.name: "SUCCEEDED"}
    assert fleet.api.job_status(job) == "CANCELED"


def test_a_planned_job_waits_for_its_schedule_all_the_same(fleet: Fleet) -> None:
    """§12 (13), §7.2."""
    device = fleet.device()
    job = cancelled(fleet, device, ScheduleTime=int(time.time() * 1_000) + 3_600_000)

    rerun(fleet, job, device)

    assert fleet.api.job_status(job) == "PLANNED"
    client = fleet.connect(device)
    assert client.pull()["data"] == {}
    assert client.pushes() == []
    fleet.bring_forward(job, "schedule_at")
    assert client.offer()["version"] == "2.0.0"
