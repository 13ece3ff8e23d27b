"""CancelOTATaskByJob and CancelOTAStrategyByJob (control-plane reference §6.5, §7.2; §12, 5-7 and 14)."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import Device
from tests.support.server import wait_until

BY_JOB = pytest.mark.rule("CancelOTATaskByJob")
STRATEGY = pytest.mark.rule("CancelOTAStrategyByJob")
FLAGS = ("CancelQueuedTask", "CancelNotifiedTask", "CancelInProgressTask")


def cancel(fleet: Fleet, job: str, *flags: str, **more: bool) -> None:
    fleet.api.call("CancelOTATaskByJob", JobId=job, **dict.fromkeys(flags, True), **more)


def refused(fleet: Fleet, job: str, *flags: str, **more: bool) -> str:
    return fleet.api.refusal("CancelOTATaskByJob", JobId=job, **dict.fromkeys(flags, True), **more)


def strategy(fleet: Fleet, job: str) -> None:
    fleet.api.call("CancelOTAStrategyByJob", JobId=job)


def dynamic(fleet: Fleet, firmware: str, **more: Any) -> str:
    parameters = {"FirmwareId": firmware, "ProductKey": fleet.product, "SrcVersion": ["1.0.0"]} | more
    return str(fleet.api.call("CreateOTADynamicUpgradeJob", **parameters)["Data"]["JobId"])


def mixed(fleet: Fleet) -> tuple[str, Sequence[Device]]:
    """A job with one task in QUEUED, NOTIFIED and IN_PROGRESS, in this order."""
    devices = fleet.devices(3)
    job = fleet.job(fleet.package(), devices)
    for device in devices[1:]:
        client = fleet.connect(device)
        client.push()
    client.say_progress(5)
    fleet.wait_for_state(job, devices[1], "NOTIFIED")
    return job, devices


def planned(fleet: Fleet, devices: Sequence[Device], **more: Any) -> str:
    return fleet.job(fleet.package(), devices, ScheduleTime=int(time.time() * 1_000) + 3_600_000, **more)


@BY_JOB
@pytest.mark.parametrize(("flag", "canceled"), list(zip(FLAGS, range(3), strict=True)))
def test_each_flag_cancels_the_tasks_in_its_state(fleet: Fleet, flag: str, canceled: int) -> None:
    """§6.5 (CancelQueuedTask, CancelNotifiedTask, CancelInProgressTask)."""
    job, devices = mixed(fleet)

    cancel(fleet, job, flag)

    wanted = ["QUEUED", "NOTIFIED", "IN_PROGRESS"]
    wanted[canceled] = "CANCELED"
    assert list(fleet.api.states(job).values()) == wanted
    assert fleet.task(job, devices[canceled])["TaskDesc"] == "canceled by CancelOTATaskByJob"
    assert fleet.api.job_status(job) == "IN_PROGRESS"


@BY_JOB
@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ({"CancelQueuedTask": True}, "CANCELED"),
        ({"CancelQueuedTask": True, "CancelUnconfirmedTask": True}, "CANCELED"),
        ({"CancelQueuedTask": True, "CancelUnconfirmedTask": False}, "CONFIRM"),
        ({"CancelQueuedTask": False}, "CONFIRM"),
        ({"CancelUnconfirmedTask": True}, "CANCELED"),
    ],
    ids=str,
)
def test_unconfirmed_tasks_go_with_the_queued_ones_unless_they_are_spared(
    fleet: Fleet, flags: Mapping[str, bool], state: str
) -> None:
    """§6.5 (CancelUnconfirmedTask has three values)."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device], NeedConfirm=True)

    cancel(fleet, job, **flags)

    assert fleet.state(job, device) == state


@BY_JOB
def test_a_job_is_cancelled_when_nothing_else_is_left(fleet: Fleet) -> None:
    """§12 (6)."""
    job, _ = mixed(fleet)

    cancel(fleet, job, *FLAGS)

    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert details["JobStatus"] == "CANCELED"
    assert details["UtcEndTime"]
    assert refused(fleet, job, *FLAGS) == "iot.firmware.JobAlreadyCanceled"


@BY_JOB
def test_tasks_that_are_left_complete_the_job(fleet: Fleet) -> None:
    """§12 (6)."""
    device, other = fleet.devices(2)
    job = fleet.job(fleet.package(), [device, other])
    client = fleet.connect(device)
    client.push()
    client.say_progress(5)

    cancel(fleet, job, "CancelQueuedTask")
    client.say_version("2.0.0")

    assert fleet.api.states(job) == {device.name: "SUCCEEDED", other.name: "CANCELED"}
    assert fleet.api.job_status(job) == "COMPLETED"


@BY_JOB
def test_a_cancelled_device_is_not_pushed_to_again(fleet: Fleet) -> None:
    """§6.5, device-plane reference §2.11: a cancelled task stops further pushes; the device is not told to stop."""
    job, devices = mixed(fleet)
    cancel(fleet, job, *FLAGS)

    for device in devices:
        client = fleet.connect(device)
        assert client.pull()["data"] == {}
        assert client.pushes() == []
    client.say_version("2.0.0")
    assert fleet.state(job, devices[2]) == "CANCELED"


@BY_JOB
def test_flags_that_are_all_false_cancel_nothing(fleet: Fleet) -> None:
    """§12 (5)."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])

    cancel(fleet, job, CancelQueuedTask=False, CancelInProgressTask=False)

    assert fleet.state(job, device) == "QUEUED"


@BY_JOB
def test_one_flag_has_to_be_given(fleet: Fleet) -> None:
    """§6.5 (no flag)."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])

    assert refused(fleet, job) == "iot.firmware.CancelOptionIsMandatory"
    assert fleet.state(job, device) == "QUEUED"


@BY_JOB
def test_the_schedule_flag_is_for_scheduled_jobs(fleet: Fleet) -> None:
    """§6.5 (batch not scheduled)."""
    device = fleet.device()
    job = fleet.job(fleet.package(), [device])

    assert refused(fleet, job, "CancelScheduledTask") == "iot.firmware.JobHasNoScheduleTime"
    assert fleet.state(job, device) == "QUEUED"


@BY_JOB
def test_a_planned_job_is_cancelled_with_all_its_tasks(fleet: Fleet) -> None:
    """§6.5 (CancelScheduledTask), §7.2 (PLANNED to CANCELED)."""
    devices = fleet.devices(2)
    job = planned(fleet, devices)

    cancel(fleet, job, "CancelScheduledTask")

    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert details["JobStatus"] == "CANCELED"
    assert details["UtcEndTime"]
    assert "UtcStartTime" not in details
    assert set(fleet.api.states(job).values()) == {"CANCELED"}
    assert refused(fleet, job, "CancelScheduledTask") == "iot.firmware.JobAlreadyCanceled"


@BY_JOB
def test_after_the_start_the_schedule_flag_has_no_effect(fleet: Fleet) -> None:
    """§12 (7)."""
    device = fleet.device()
    job = planned(fleet, [device])
    fleet.bring_forward(job, "schedule_at")
    wait_until(lambda: fleet.api.job_status(job) == "IN_PROGRESS", interval=0.05, what="the start of the job")

    cancel(fleet, job, "CancelScheduledTask")

    assert fleet.state(job, device) == "QUEUED"
    assert fleet.api.job_status(job) == "IN_PROGRESS"


@BY_JOB
def test_a_verification_that_is_cancelled_has_failed(fleet: Fleet) -> None:
    """§6.5 (one batch of any kind), §7.3 (verify batch ended otherwise)."""
    device = fleet.device()
    firmware = fleet.package(NeedToVerify=True)
    job = fleet.verification(firmware, [device])

    cancel(fleet, job, "CancelQueuedTask")

    assert fleet.api.job_status(job) == "CANCELED"
    assert fleet.package_info(firmware)["Status"] == 3


@BY_JOB
def test_the_policy_of_a_dynamic_job_outlives_its_cancelled_tasks(fleet: Fleet) -> None:
    """§6.5 (scope: the tasks of one batch)."""
    first = fleet.device()
    job = dynamic(fleet, fleet.package())

    cancel(fleet, job, "CancelQueuedTask")
    second = fleet.device("device-2")

    assert fleet.api.states(job) == {first.name: "CANCELED", second.name: "QUEUED"}
    assert fleet.api.job_status(job) == "IN_PROGRESS"


@BY_JOB
@STRATEGY
@pytest.mark.parametrize(
    ("job", "code"), [("x" * 26, "InvalidOTAJobId"), (" ", "NullOTAJobId")], ids=["unknown", "blank"]
)
def test_the_job_has_to_exist(fleet: Fleet, job: str, code: str) -> None:
    """§8.2."""
    assert refused(fleet, job, *FLAGS) == f"iot.firmware.{code}"
    assert fleet.api.refusal("CancelOTAStrategyByJob", JobId=job) == f"iot.firmware.{code}"


@STRATEGY
def test_an_ended_policy_matches_no_more_devices_and_its_tasks_go_on(fleet: Fleet) -> None:
    """§6.5, §7.2, §12 (14)."""
    device = fleet.device()
    job = dynamic(fleet, fleet.package())
    client = fleet.connect(device)
    client.push()

    strategy(fleet, job)

    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert details["JobStatus"] == "CANCELED"
    assert "UtcEndTime" not in details
    fleet.device("late-1")
    client.say_progress(50)
    client.say_version("2.0.0")
    assert fleet.api.states(job) == {device.name: "SUCCEEDED"}
    details = fleet.api.call("QueryOTAJob", JobId=job)["Data"]
    assert (details["JobStatus"], bool(details["UtcEndTime"])) == ("CANCELED", True)


@STRATEGY
def test_a_policy_ends_once(fleet: Fleet) -> None:
    """§6.5."""
    device = fleet.device()
    job = dynamic(fleet, fleet.package())
    strategy(fleet, job)

    assert fleet.api.refusal("CancelOTAStrategyByJob", JobId=job) == "iot.firmware.JobAlreadyCanceled"
    assert fleet.state(job, device) == "QUEUED"


@STRATEGY
def test_only_a_dynamic_job_has_a_policy(fleet: Fleet) -> None:
    """§6.5 (static batch): a verification has none either."""
    device = fleet.device()
    static = fleet.job(fleet.package(), [device])
    verification = fleet.verification(fleet.package("3.0.0", NeedToVerify=True), [device])

    for job in (static, verification):
        assert fleet.api.refusal("CancelOTAStrategyByJob", JobId=job) == "iot.firmware.NotDynamicJob"
    assert fleet.state(static, device) == "QUEUED"


@BY_JOB
@STRATEGY
def test_the_tasks_of_an_ended_policy_can_be_cancelled_too(fleet: Fleet) -> None:
    """§12 (14): two steps, each on its own."""
    device = fleet.device()
    job = dynamic(fleet, fleet.package())

    strategy(fleet, job)
    cancel(fleet, job, "CancelQueuedTask")

    assert fleet.state(job, device) == "CANCELED"
    assert refused(fleet, job, "CancelQueuedTask") == "iot.firmware.JobAlreadyCanceled"


@STRATEGY
def test_a_package_may_have_its_next_dynamic_job_then(fleet: Fleet) -> None:
    """§5.7 (dynamic rule 1): cancel the old one first."""
    firmware = fleet.package()
    strategy(fleet, dynamic(fleet, firmware))

    assert fleet.api.job_status(dynamic(fleet, firmware)) == "IN_PROGRESS"
