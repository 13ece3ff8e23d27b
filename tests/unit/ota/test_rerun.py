"""ReupgradeOTATask (control-plane reference §6.4, §6.10; §12, 4, 12 and 13)."""

from typing import Any

import pytest
from sqlalchemy import select

from skyferry.errors import ApiError
from skyferry.ota import cancel_job, schedule, stopping
from skyferry.ota.cancel_job import CancelFlags
from skyferry.ota.states import JobStatus, PackageStatus, TaskEvent, TaskStatus
from skyferry.store import history
from skyferry.store import tasks as task_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.jobs import JobRecord
from skyferry.store.tables import packages, tasks
from tests.support.rows import START, World

HOUR = 3_600_000
QUEUED, CANCELED, FAILED = TaskStatus.QUEUED, TaskStatus.CANCELED, TaskStatus.FAILED


def cancel(world: World, job: JobRecord, **flags: bool) -> None:
    cancel_job.cancel_tasks(
        world.tx,
        instance_id=world.instance.id,
        job_id=job.job_id,
        flags=CancelFlags(**(flags or {"queued": True, "notified": True, "in_progress": True})),
        limits=world.limits,
        now=world.now,
    )


def failed(world: World, *names: str, **options: Any) -> tuple[JobRecord, list[DeviceRecord]]:
    """A job whose devices have all failed, and are online."""
    devices = [world.make_device(name) for name in names or ("dev0",)]
    job = world.make_job(world.make_package(), **options)
    for device in devices:
        world.connect(device)
        if options.get("need_confirm"):
            continue
        world.say_version(device, "1.0.0")
        world.dispatch()
        world.say_progress(device, -2)
    return job, devices


def refusal(world: World, job: JobRecord, *task_ids: str) -> ApiError:
    before = world.states(job), world.job(job)
    with pytest.raises(ApiError) as caught, world.tx.begin_nested():
        world.rerun(job, *task_ids)
    assert (world.states(job), world.job(job)) == before
    return caught.value


def code(world: World, job: JobRecord, *task_ids: str) -> str:
    return refusal(world, job, *task_ids).kind.code.removeprefix("iot.firmware.")


def test_a_failed_task_runs_again_as_if_it_were_new(world: World) -> None:
    job, [device] = failed(world, timeout_minutes=60)
    world.say_version(device, "1.5.0")
    assert world.job(job).status == JobStatus.COMPLETED
    world.now += 60_000
    world.rerun(job)
    row = world.tx.execute(select(tasks).where(tasks.c.job_id == job.id)).one()
    expected = {
        "status": QUEUED,
        "progress": 0,
        "description": "",
        "src_version": "1.5.0",
        "tries": 0,
        "timeout_minutes": 60,
        "dispatch_at": world.now,
        "created_at": START,
        "modified_at": world.now,
    }
    assert {name: getattr(row, name) for name in expected} == expected
    assert (row.notified_at, row.deadline_at, row.retry_at) == (None, None, None)
    assert history.of_task(world.tx, row.id)[-1].event == TaskEvent.RERUN.name
    alive = world.job(job)
    assert (alive.status, alive.ended_at, alive.started_at) == (JobStatus.IN_PROGRESS, None, START)
    assert [notice.device_id for notice in world.dispatch()] == [device.id]
    world.say_version(device, "2.0.0")
    assert (world.state(job, device), world.job(job).status) == (TaskStatus.SUCCEEDED, JobStatus.COMPLETED)


def test_a_cancelled_task_of_an_offline_device_waits_for_it(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    cancel(world, job)
    assert world.job(job).status == JobStatus.CANCELED
    world.rerun(job)
    assert (world.state(job, device), world.dues(job)) == (QUEUED, [None])
    assert world.job(job).status == JobStatus.IN_PROGRESS


def test_a_device_that_is_not_to_be_pushed_to_has_to_ask(world: World) -> None:
    job, _ = failed(world, need_push=False)
    world.rerun(job)
    assert world.dues(job) == [None]


def test_the_time_begins_with_the_next_progress(world: World) -> None:
    job, [device] = failed(world, timeout_minutes=5)
    world.now += HOUR
    world.rerun(job)
    assert world.deadlines(job) == [None]
    world.now += HOUR
    world.say_progress(device, 1)
    assert world.deadlines(job) == [world.now + 300_000]


def test_tries_are_counted_from_the_beginning(world: World) -> None:
    device = world.make_device("dev0")
    world.connect(device)
    job = world.make_job(world.make_package(), retry_interval_minutes=0, retry_count=1)
    for _ in range(2):
        world.dispatch()
        world.say_progress(device, -1)
    assert world.state(job, device) is FAILED
    world.rerun(job)
    world.dispatch()
    world.say_progress(device, -1)
    assert world.state(job, device) is TaskStatus.NOTIFIED
    world.dispatch()
    world.say_progress(device, -1)
    assert world.state(job, device) is FAILED


def test_a_job_that_needs_confirmation_needs_it_again(world: World) -> None:
    job, [device] = failed(world, need_confirm=True)
    cancel(world, job)
    world.rerun(job)
    assert (world.state(job, device), world.dues(job)) == (TaskStatus.CONFIRM, [None])
    assert world.dispatch() == []
    world.confirm(*world.task_ids(job))
    assert len(world.dispatch()) == 1


def test_one_bad_task_fails_the_whole_call(world: World) -> None:
    job, devices = failed(world, "dev0", "dev1")
    good, running = world.task_ids(job)
    world.rerun(job, running)
    world.make_device("dev2")
    other = world.make_job(world.make_package("3.0.0"), ["dev2"])
    cancel(world, other)
    for bad, expected in (
        ("x" * 26, "InvalidOTATaskId"),
        ("", "NullTaskId"),
        (world.task_ids(other)[0], "InvalidOTATaskId"),
        (running, "InvalidTaskStatus"),
    ):
        assert code(world, job, good, bad) == expected
        assert code(world, job, bad, good) == expected
    assert world.state(job, devices[0]) is FAILED


@pytest.mark.parametrize("state", ["QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED"])
def test_only_failed_and_cancelled_tasks_run_again(world: World, state: str) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    if state != "QUEUED":
        world.connect(device)
        world.say_version(device, "1.0.0")
        world.dispatch()
    if state == "IN_PROGRESS":
        world.say_progress(device, 1)
    if state == "SUCCEEDED":
        world.say_version(device, "2.0.0")
    refused = refusal(world, job, *world.task_ids(job))
    assert refused.kind.code == "iot.firmware.InvalidTaskStatus"
    assert state in refused.text


def test_a_device_that_runs_the_target_by_now_is_refused(world: World) -> None:
    job, [device] = failed(world)
    world.say_version(device, "2.0.0")
    assert code(world, job) == "DeviceWithDestinationVersionInArray"


def test_a_differential_package_fits_one_version_only(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package(type=1, src_version="1.0.0"))
    cancel(world, job)
    world.say_version(device, "1.5.0")
    assert code(world, job) == "SrcVersionMismatch"
    world.say_version(device, "1.0.0")
    world.rerun(job)
    assert world.state(job, device) is QUEUED


def test_a_package_that_is_not_verified_is_refused(world: World) -> None:
    job, _ = failed(world)
    world.tx.execute(packages.update().values(status=PackageStatus.UNVERIFIED))
    assert code(world, job) == "ReUpgradeFailedFirmwareNotVerified"


def test_a_verification_does_not_run_again(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_verify_job(world.make_package(need_to_verify=True), ["dev0"])
    world.say_progress(device, -1)
    assert code(world, job) == "ReUpgradeFailedFirmwareNotVerified"
    world.tx.execute(packages.update().values(status=PackageStatus.VERIFIED))
    assert code(world, job) == "InvalidOTAJobId"


# --- other tasks of the device


@pytest.mark.parametrize("module", ["default", "MCU"])
def test_another_open_task_of_any_module_is_in_the_way(world: World, module: str) -> None:
    job, [device] = failed(world)
    world.say_version(device, "0.1", "MCU")
    other = world.make_job(world.make_package("3.0.0", module=module))
    refused = refusal(world, job)
    assert refused.kind.code == "iot.firmware.InvalidTaskStatus"
    assert ("dev0" in refused.text, module in refused.text, "QUEUED" in refused.text) == (True, True, True)
    assert world.state(other, device) is QUEUED
    cancel(world, other)
    world.rerun(job)
    assert world.state(job, device) is QUEUED


def test_a_job_that_overwrites_replaces_what_has_not_begun(world: World) -> None:
    job, [device] = failed(world, overwrite_mode=2)
    other = world.make_job(world.make_package("3.0.0"))
    [replaced] = world.rerun(job)
    assert (replaced.job_id, replaced.device_id) == (other.id, device.id)
    assert (world.state(job, device), world.state(other, device)) == (QUEUED, CANCELED)
    assert world.tasks(other)[0].description == "replaced by a task that runs again"
    assert world.job(other).status == JobStatus.COMPLETED
    assert history.of_task(world.tx, replaced.id)[-1].event == TaskEvent.OVERWRITTEN.name


def test_what_has_begun_is_replaced_by_nothing(world: World) -> None:
    job, [device] = failed(world, overwrite_mode=2)
    other = world.make_job(world.make_package("3.0.0"))
    world.say_progress(device, 1)
    assert code(world, job) == "InvalidTaskStatus"
    assert world.state(other, device) is TaskStatus.IN_PROGRESS


def test_with_several_modules_only_the_same_one_is_replaced(world: World) -> None:
    job, [device] = failed(world, multi_module=True)
    world.say_version(device, "0.1", "MCU")
    same = world.make_job(world.make_package("3.0.0"), multi_module=True)
    other = world.make_job(world.make_package("0.2", module="MCU"), multi_module=True)
    [replaced] = world.rerun(job)
    assert replaced.job_id == same.id
    assert [world.state(one, device) for one in (job, same, other)] == [QUEUED, CANCELED, QUEUED]


def test_a_task_that_appears_at_this_moment_is_no_crash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job, [device] = failed(world)
    other = world.make_job(world.make_package("3.0.0"))
    monkeypatch.setattr(task_statements, "open_of_devices", lambda _tx, _devices: [])
    assert code(world, job) == "InvalidTaskStatus"
    assert world.state(other, device) is QUEUED


# --- the job


def test_a_dynamic_job_that_was_ended_stays_so_and_matches_nothing(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_dynamic(world.make_package())
    cancel_job.cancel_policy(world.tx, instance_id=world.instance.id, job_id=job.job_id, now=world.now)
    cancel(world, job)
    world.now += 1_000
    world.rerun(job)
    alive = world.job(job)
    assert (alive.status, alive.ended_at) == (JobStatus.CANCELED, None)
    world.connect(device)
    world.say_version(device, "1.0.0")
    assert len(world.dispatch()) == 1
    assert world.make_device("dev1").id not in world.states(job)
    world.say_version(device, "2.0.0")
    assert (world.job(job).status, world.job(job).ended_at) == (JobStatus.CANCELED, world.now)


def test_only_one_of_several_tasks_of_a_device_runs_again(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_dynamic(world.make_package())
    cancel(world, job)
    world.say_version(device, "1.0.0")
    cancel(world, job)
    first, second = world.task_ids(job)
    assert code(world, job, first, second) == "InvalidTaskStatus"
    world.rerun(job, second)
    assert code(world, job, first) == "InvalidTaskStatus"


def test_a_planned_job_stays_planned(world: World) -> None:
    device = world.make_device("dev0")
    firmware = world.make_package()
    job = world.make_static(firmware, target_selection="SPECIFIC", device_names=["dev0"], schedule_at=START + HOUR)
    world.cancel(firmware, ["dev0"])
    world.rerun(job)
    alive = world.job(job)
    assert (alive.status, alive.started_at, world.state(job, device)) == (JobStatus.PLANNED, None, QUEUED)


def test_a_job_that_was_cancelled_before_its_time_begins_with_the_task(world: World) -> None:
    for number in range(2):
        world.make_device(f"dev{number}")
    job = world.make_static(
        world.make_package(), target_selection="SPECIFIC", device_names=["dev0", "dev1"], schedule_at=START + HOUR
    )
    cancel(world, job, scheduled=True)
    world.now += 1_000
    world.rerun(job, world.task_ids(job)[0])
    alive = world.job(job)
    assert (alive.status, alive.started_at, alive.ended_at) == (JobStatus.IN_PROGRESS, world.now, None)
    assert list(world.states(job).values()) == [QUEUED, CANCELED]
    assert schedule.start_due(world.tx, START + HOUR, 10) == 0


def test_after_the_end_of_the_schedule_nothing_runs_again(world: World) -> None:
    world.make_device("dev0")
    job = world.make_static(
        world.make_package(),
        target_selection="SPECIFIC",
        device_names=["dev0"],
        schedule_at=START + HOUR,
        finish_at=START + 3 * HOUR,
    )
    schedule.start_due(world.tx, START + HOUR, 10)
    world.now = START + 3 * HOUR
    schedule.finish_due(world.tx, world.limits, world.now)
    refused = refusal(world, job)
    assert refused.kind.code == "iot.firmware.InvalidTaskStatus"
    assert "ScheduleFinishTime" in refused.text


def test_a_job_that_is_being_cancelled_runs_nothing_again(world: World) -> None:
    for number in range(3):
        world.make_device(f"dev{number}")
    job = world.make_job(world.make_package())
    world.in_portions_of(2)
    cancel(world, job)
    [gone, *_] = [task for task in world.tasks(job) if task.status == CANCELED]
    name = world.task_ids(job)[[task.id for task in world.tasks(job)].index(gone.id)]
    assert code(world, job, name) == "InvalidTaskStatus"
    stopping.stop_next(world.tx, world.limits, world.now)
    world.rerun(job, name)
    assert world.states(job)[gone.device_id] is QUEUED
