"""CancelOTATaskByJob and CancelOTAStrategyByJob (control-plane reference §6.5, §7.2; §12, 5-7 and 14)."""

from collections.abc import Sequence

import pytest

from skyferry.errors import ApiError
from skyferry.ota import cancel_job, schedule, stopping
from skyferry.ota.cancel_job import CancelFlags
from skyferry.ota.states import JobStatus, PackageStatus, TaskEvent, TaskStatus
from skyferry.store import history
from skyferry.store import packages as package_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.jobs import JobRecord
from skyferry.store.tasks import ChangedTask
from tests.support.rows import START, World

HOUR = 3_600_000
CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS, CANCELED = (
    TaskStatus.CONFIRM,
    TaskStatus.QUEUED,
    TaskStatus.NOTIFIED,
    TaskStatus.IN_PROGRESS,
    TaskStatus.CANCELED,
)


def cancel(world: World, job: JobRecord, **flags: bool) -> Sequence[ChangedTask]:
    return cancel_job.cancel_tasks(
        world.tx,
        instance_id=world.instance.id,
        job_id=job.job_id,
        flags=CancelFlags(**flags),
        limits=world.limits,
        now=world.now,
    )


def end_policy(world: World, job: JobRecord) -> None:
    cancel_job.cancel_policy(world.tx, instance_id=world.instance.id, job_id=job.job_id, now=world.now)


def refusal(world: World, job: JobRecord, **flags: bool) -> str:
    with pytest.raises(ApiError) as caught:
        cancel(world, job, **flags)
    return caught.value.kind.code


def planned(world: World, *names: str) -> JobRecord:
    """A job that starts in an hour, for the named devices or for all."""
    for name in names or ("dev0",):
        world.make_device(name)
    selection: dict[str, object] = {"target_selection": "SPECIFIC", "device_names": names} if names else {}
    return world.make_static(world.make_package(), schedule_at=START + HOUR, **selection)


def one_in_each_state(world: World) -> tuple[JobRecord, list[DeviceRecord]]:
    """A job with a task in QUEUED, NOTIFIED, IN_PROGRESS and SUCCEEDED, in this order."""
    devices = [world.make_device(f"dev{number}") for number in range(4)]
    job = world.make_job(world.make_package())
    world.connect(devices[1])
    world.say_version(devices[1], "1.0.0")
    world.dispatch()
    world.say_progress(devices[2], 10)
    world.say_version(devices[3], "2.0.0")
    assert list(world.states(job).values()) == [QUEUED, NOTIFIED, IN_PROGRESS, TaskStatus.SUCCEEDED]
    return job, devices


@pytest.mark.parametrize(
    ("flags", "states"),
    [
        ({"queued": True}, {CONFIRM, QUEUED}),
        ({"queued": True, "unconfirmed": True}, {CONFIRM, QUEUED}),
        ({"queued": True, "unconfirmed": False}, {QUEUED}),
        ({"queued": False}, set()),
        ({"queued": False, "unconfirmed": True}, {CONFIRM}),
        ({"unconfirmed": True}, {CONFIRM}),
        ({"unconfirmed": False}, set()),
        ({"notified": True}, {NOTIFIED}),
        ({"in_progress": True}, {IN_PROGRESS}),
        ({"scheduled": True}, set()),
        ({"notified": True, "in_progress": True, "queued": True}, {CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS}),
    ],
)
def test_each_flag_names_its_states_and_unconfirmed_has_three_values(
    flags: dict[str, bool], states: set[TaskStatus]
) -> None:
    assert CancelFlags(**flags).states == states


@pytest.mark.parametrize(
    ("flag", "canceled"), [("queued", 0), ("notified", 1), ("in_progress", 2)], ids=["QUEUED", "NOTIFIED", "RUNNING"]
)
def test_a_flag_cancels_the_tasks_in_its_state_only(world: World, flag: str, canceled: int) -> None:
    job, _ = one_in_each_state(world)
    before = list(world.states(job).values())
    [ended] = cancel(world, job, **{flag: True})
    before[canceled] = CANCELED
    assert list(world.states(job).values()) == before
    task = world.tasks(job)[canceled]
    assert (ended.id, task.description) == (task.id, "canceled by CancelOTATaskByJob")
    assert history.of_task(world.tx, task.id)[-1].event == TaskEvent.CANCEL_OPEN.name
    assert world.job(job).status == JobStatus.IN_PROGRESS


def test_unconfirmed_tasks_go_with_the_queued_ones_unless_they_are_spared(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package(), need_confirm=True)
    assert cancel(world, job, queued=True, unconfirmed=False) == []
    assert world.state(job, device) is CONFIRM
    cancel(world, job, queued=True)
    assert world.state(job, device) is CANCELED
    assert world.job(job).status == JobStatus.CANCELED


def test_the_job_is_cancelled_when_the_call_leaves_nothing(world: World) -> None:
    job, _ = one_in_each_state(world)
    cancel(world, job, queued=True, notified=True, in_progress=True)
    ended = world.job(job)
    assert (ended.status, ended.ended_at) == (JobStatus.CANCELED, world.now)
    assert refusal(world, job, queued=True) == "iot.firmware.JobAlreadyCanceled"


def test_what_the_call_leaves_completes_the_job_later(world: World) -> None:
    job, devices = one_in_each_state(world)
    cancel(world, job, queued=True, notified=True)
    world.say_version(devices[2], "2.0.0")
    assert world.job(job).status == JobStatus.COMPLETED
    assert cancel(world, job, queued=True) == []
    assert world.job(job).status == JobStatus.COMPLETED


def test_flags_that_are_all_false_cancel_nothing(world: World) -> None:
    job, _ = one_in_each_state(world)
    before, job = world.states(job), world.job(job)
    assert cancel(world, job, queued=False, notified=False, in_progress=False, unconfirmed=False, scheduled=False) == []
    assert world.states(job) == before
    assert world.job(job) == job


def test_no_flag_is_refused(world: World) -> None:
    job, _ = one_in_each_state(world)
    assert refusal(world, job) == "iot.firmware.CancelOptionIsMandatory"


def test_a_job_without_schedule_has_no_scheduled_tasks(world: World) -> None:
    job, _ = one_in_each_state(world)
    before = world.states(job)
    assert refusal(world, job, scheduled=True, queued=True) == "iot.firmware.JobHasNoScheduleTime"
    assert world.states(job) == before


def test_a_planned_job_is_cancelled_as_a_whole(world: World) -> None:
    job = planned(world, "dev0", "dev1")
    assert len(cancel(world, job, scheduled=True)) == 2
    ended = world.job(job)
    assert (ended.status, ended.ended_at, ended.started_at) == (JobStatus.CANCELED, world.now, None)
    assert set(world.states(job).values()) == {CANCELED}
    assert schedule.start_due(world.tx, START + HOUR, 10) == 0
    assert refusal(world, job, scheduled=True) == "iot.firmware.JobAlreadyCanceled"


def test_a_large_planned_job_is_cancelled_at_once_and_its_tasks_in_portions(world: World) -> None:
    job = planned(world, "dev0", "dev1", "dev2")
    world.in_portions_of(2)
    assert len(cancel(world, job, scheduled=True)) == 2
    assert world.job(job).status == JobStatus.CANCELED
    assert len(stopping.stop_next(world.tx, world.limits, world.now)) == 1
    assert stopping.stop_next(world.tx, world.limits, world.now) == []
    assert set(world.states(job).values()) == {CANCELED}
    assert world.job(job).ending_states is None


def test_a_planned_job_for_all_devices_never_looks_for_them_when_it_was_cancelled(world: World) -> None:
    job = planned(world)
    assert cancel(world, job, scheduled=True) == []
    assert schedule.start_due(world.tx, START + HOUR, 10) == 0
    assert not world.select_portion()
    assert world.job(job).status == JobStatus.CANCELED


def test_after_the_start_the_schedule_flag_cancels_nothing(world: World) -> None:
    job = planned(world, "dev0")
    world.now = START + HOUR
    schedule.start_due(world.tx, world.now, 10)
    assert cancel(world, job, scheduled=True) == []
    assert set(world.states(job).values()) == {QUEUED}
    assert world.job(job).status == JobStatus.IN_PROGRESS
    assert len(cancel(world, job, scheduled=True, queued=True)) == 1


def test_a_planned_job_of_names_is_cancelled_when_all_its_queued_tasks_are(world: World) -> None:
    job = planned(world, "dev0", "dev1")
    cancel(world, job, notified=True)
    assert world.job(job).status == JobStatus.PLANNED
    cancel(world, job, queued=True)
    ended = world.job(job)
    assert (ended.status, ended.ended_at) == (JobStatus.CANCELED, world.now)


def test_a_planned_job_for_all_devices_has_nothing_queued_yet(world: World) -> None:
    job = planned(world)
    assert cancel(world, job, queued=True) == []
    assert world.job(job).status == JobStatus.PLANNED


def test_a_cancelled_verification_leaves_the_package_unverified(world: World) -> None:
    world.make_device("dev0")
    firmware = world.make_package(need_to_verify=True)
    job = world.make_verify_job(firmware, ["dev0"])
    cancel(world, job, queued=True)
    package = package_statements.find(world.tx, world.instance.id, firmware)
    assert package is not None
    assert package.status == PackageStatus.FAILED
    assert world.job(job).status == JobStatus.CANCELED


def test_the_policy_of_a_dynamic_job_goes_on_without_the_cancelled_tasks(world: World) -> None:
    first = world.make_device("dev0")
    job = world.make_dynamic(world.make_package())
    assert len(cancel(world, job, queued=True)) == 1
    assert world.state(job, first) is CANCELED
    assert world.job(job).status == JobStatus.IN_PROGRESS
    later = world.make_device("dev1")
    assert world.state(job, later) is QUEUED


def test_an_ended_policy_makes_no_more_tasks_and_its_tasks_go_on(world: World) -> None:
    device = world.make_device("dev0")
    world.connect(device)
    job = world.make_dynamic(world.make_package())
    end_policy(world, job)
    canceled = world.job(job)
    assert (canceled.status, canceled.ended_at) == (JobStatus.CANCELED, None)
    later = world.make_device("dev1")
    assert later.id not in world.states(job)
    assert len(world.dispatch()) == 1
    world.now += 1_000
    world.say_version(device, "2.0.0")
    assert world.state(job, device) is TaskStatus.SUCCEEDED
    assert (world.job(job).status, world.job(job).ended_at) == (JobStatus.CANCELED, world.now)


def test_a_policy_without_open_tasks_ends_with_its_job(world: World) -> None:
    job = world.make_dynamic(world.make_package(), dynamic_mode=2)
    end_policy(world, job)
    assert world.job(job).ended_at == world.now


def test_devices_that_wait_for_their_task_get_none_when_the_policy_ends(world: World) -> None:
    for number in range(3):
        world.make_device(f"dev{number}")
    world.in_portions_of(2)
    job = world.make_dynamic(world.make_package())
    end_policy(world, job)
    assert not world.select_portion()
    assert len(world.tasks(job)) == 2


def test_the_tasks_of_an_ended_policy_can_be_cancelled(world: World) -> None:
    world.make_device("dev0")
    job = world.make_dynamic(world.make_package())
    end_policy(world, job)
    assert len(cancel(world, job, queued=True)) == 1
    assert (world.job(job).status, world.job(job).ended_at) == (JobStatus.CANCELED, world.now)
    assert refusal(world, job, queued=True) == "iot.firmware.JobAlreadyCanceled"


def test_a_package_may_have_a_new_dynamic_job_when_its_policy_ended(world: World) -> None:
    firmware = world.make_package()
    end_policy(world, world.make_dynamic(firmware))
    assert world.make_dynamic(firmware).status == JobStatus.IN_PROGRESS


def test_only_a_dynamic_job_has_a_policy_and_it_ends_once(world: World) -> None:
    world.make_device("dev0")
    dynamic = world.make_dynamic(world.make_package())
    end_policy(world, dynamic)
    static = world.make_job(world.make_package("3.0.0"))
    verify = world.make_verify_job(world.make_package("4.0.0", need_to_verify=True), ["dev0"])
    for job, code in ((dynamic, "JobAlreadyCanceled"), (static, "NotDynamicJob"), (verify, "NotDynamicJob")):
        with pytest.raises(ApiError) as caught:
            end_policy(world, job)
        assert caught.value.kind.code == f"iot.firmware.{code}"


def test_what_runs_on_after_the_schedule_can_still_be_cancelled(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_static(
        world.make_package(),
        target_selection="SPECIFIC",
        device_names=["dev0"],
        schedule_at=START + HOUR,
        finish_at=START + 3 * HOUR,
    )
    schedule.start_due(world.tx, START + HOUR, 10)
    world.say_progress(device, 10)
    world.now = START + 3 * HOUR
    schedule.finish_due(world.tx, world.limits, world.now)
    assert world.state(job, device) is IN_PROGRESS
    cancel(world, job, in_progress=True)
    assert world.state(job, device) is CANCELED
    assert world.job(job).status == JobStatus.COMPLETED
