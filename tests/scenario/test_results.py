"""How a task ends (control-plane reference §6.9, §7.1; device-plane reference §2.1, §2.6, §2.11, §3)."""

from typing import Any

import pytest

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import Device

pytestmark = pytest.mark.rule("devices")


def running(fleet: Fleet, *, progress: int | None = 10, **options: Any) -> tuple[str, Device, ScriptedDevice]:
    """A job whose only device has its notice and, unless progress is None, has begun."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], **options)
    client = fleet.connect(device)
    client.push()
    if progress is not None:
        client.say_progress(progress)
    return job, device, client


def test_the_reported_version_is_the_success(fleet: Fleet) -> None:
    """§6.9."""
    job, device, client = running(fleet)

    client.say_version("2.0.0")

    task = fleet.task(job, device)
    assert (task["TaskStatus"], task["Progress"], task["TaskDesc"]) == ("SUCCEEDED", "100.00", "")
    assert fleet.api.job_status(job) == "COMPLETED"
    assert fleet.api.call("QueryOTAJob", JobId=job)["Data"]["UtcEndTime"]


def test_progress_is_not_needed_for_success(fleet: Fleet) -> None:
    """§6.9; device-plane §4: SDKs that never report progress go from NOTIFIED to SUCCEEDED."""
    job, device, client = running(fleet, progress=None)

    client.say_version("2.0.0")

    assert fleet.state(job, device) == "SUCCEEDED"


@pytest.mark.parametrize("confirm", [False, True])
def test_a_device_that_was_never_told_can_succeed(fleet: Fleet, *, confirm: bool) -> None:
    """§7.1; device-plane §3: from any state that is not final."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], NeedConfirm=confirm, NeedPush=False)

    fleet.connect(device, "2.0.0")

    assert fleet.state(job, device) == "SUCCEEDED"


def test_a_hundred_percent_is_not_success(fleet: Fleet) -> None:
    """§6.9."""
    job, device, client = running(fleet)

    client.say_progress(100)

    assert (fleet.state(job, device), fleet.task(job, device)["Progress"]) == ("IN_PROGRESS", "100.00")


def test_the_version_counts_for_its_module_only(fleet: Fleet) -> None:
    """§6.9: the package's module."""
    job, device, client = running(fleet)

    client.say_version("2.0.0", "MCU")
    assert fleet.state(job, device) == "IN_PROGRESS"
    client.say_version("2.0.0", "default")

    assert fleet.state(job, device) == "SUCCEEDED"


@pytest.mark.parametrize("step", [-1, -2, -3, -4])
@pytest.mark.parametrize("progress", [None, 50])
def test_a_negative_step_is_a_failure(fleet: Fleet, step: int, progress: int | None) -> None:
    """§6.9, §7.1; device-plane §2.6."""
    job, device, client = running(fleet, progress=progress)

    client.say_progress(step, description="out of flash")

    task = fleet.task(job, device)
    assert task["TaskStatus"] == "FAILED"
    assert "out of flash" in task["TaskDesc"]
    assert fleet.api.job_status(job) == "COMPLETED"


def test_a_foreign_version_in_progress_is_a_failure(fleet: Fleet) -> None:
    """§6.9 (wrong version after restart), §6.1 (TaskDesc)."""
    job, device, client = running(fleet)

    client.say_version("1.9.9")

    task = fleet.task(job, device)
    assert (task["TaskStatus"], task["TaskDesc"]) == ("FAILED", "report version is not conform")


def test_the_source_version_in_progress_is_no_failure(fleet: Fleet) -> None:
    """device-plane §3 (d): neither source nor target."""
    job, device, client = running(fleet)

    client.say_version("1.0.0")

    assert fleet.state(job, device) == "IN_PROGRESS"


def test_a_foreign_version_before_progress_means_nothing(fleet: Fleet) -> None:
    """§7.1; device-plane §2.1: the C SDK 3 reports the hardware layer's version first."""
    job, device, client = running(fleet, progress=None)

    client.say_version("app-1.0.0-20180101.1000")

    assert fleet.state(job, device) == "NOTIFIED"


def test_step_zero_begins_the_update(fleet: Fleet) -> None:
    """device-plane §6 (5)."""
    job, device, _ = running(fleet, progress=0)

    assert (fleet.state(job, device), fleet.task(job, device)["Progress"]) == ("IN_PROGRESS", "0.00")


def test_progress_may_begin_again(fleet: Fleet) -> None:
    """device-plane §2.6: with several files the percentage restarts for each."""
    job, device, client = running(fleet)

    shown = []
    for step in (32, 98, 100, 32):
        client.say_progress(step)
        shown.append(fleet.task(job, device)["Progress"])

    assert shown == ["32.00", "98.00", "100.00", "32.00"]


def test_progress_that_is_not_defined_is_ignored(fleet: Fleet) -> None:
    """device-plane §2.6: -4 to 100."""
    job, device, client = running(fleet)

    for step in (101, -5):
        client.report_progress(step)
    client.ping()
    client.say_version("1.0.0")

    assert fleet.task(job, device)["Progress"] == "10.00"


@pytest.mark.parametrize("ending", [-1, "1.5.0", "2.0.0"])
def test_nothing_leaves_a_final_state(fleet: Fleet, ending: int | str) -> None:
    """§7.1; device-plane §2.11, §6 (7)."""
    job, device, client = running(fleet)
    if isinstance(ending, int):
        client.say_progress(ending)
    else:
        client.say_version(ending)
    before = fleet.task(job, device)

    client.say_progress(50)
    client.say_progress(-2)
    client.say_version("2.0.0")
    client.say_version("1.0.0")

    assert fleet.task(job, device) == before


def test_a_cancelled_task_stays_cancelled_and_the_version_is_noted(fleet: Fleet) -> None:
    """§6.5; device-plane §2.11."""
    job, device, client = running(fleet, progress=None)
    firmware = fleet.task(job, device)["FirmwareId"]
    fleet.cancel(firmware, [device.name])
    before = fleet.task(job, device)

    client.say_progress(60)
    client.say_version("2.0.0")

    assert fleet.task(job, device) == before
    assert before["TaskStatus"] == "CANCELED"
    assert fleet.api.version(device) == "2.0.0"


def test_a_device_that_names_no_module_means_the_one_that_is_updated(fleet: Fleet) -> None:
    """device-plane §2.6: progress of a module's update, without the module."""
    device = fleet.device("device-1", "0.1", "MCU")
    job = fleet.job(fleet.package("0.2", ModuleName="MCU"), [device])
    client = fleet.connect(device, None)
    client.say_version("0.1", "MCU")
    client.push()

    client.say_progress(40)

    assert fleet.state(job, device) == "IN_PROGRESS"


def test_a_job_completes_with_its_last_task(fleet: Fleet) -> None:
    """§7.2."""
    first, second = fleet.devices(2)
    job = fleet.job(fleet.package())

    fleet.connect(first, "2.0.0")
    assert fleet.api.job_status(job) == "IN_PROGRESS"
    fleet.connect(second).say_progress(-1)

    assert fleet.api.job_status(job) == "COMPLETED"
    assert fleet.api.states(job) == {first.name: "SUCCEEDED", second.name: "FAILED"}
