"""ConfirmOTATask (control-plane reference §6.3, §6.7; §12, 4)."""

from typing import Any

import pytest

from skyferry.errors import ApiError
from skyferry.ota import stopping
from skyferry.ota.states import JobStatus, TaskEvent, TaskStatus
from skyferry.store import history
from skyferry.store.jobs import JobRecord
from tests.support.rows import START, World


def waiting(world: World, *names: str, **options: Any) -> JobRecord:
    """A job that needs confirmation, for devices that are online."""
    for name in names or ("dev0",):
        world.connect(world.make_device(name))
    return world.make_job(world.make_package(), need_confirm=True, **options)


def refusal(world: World, *task_ids: str) -> ApiError:
    with pytest.raises(ApiError) as caught:
        world.confirm(*task_ids)
    return caught.value


def test_a_confirmed_task_of_a_device_that_is_online_is_pushed_at_once(world: World) -> None:
    job = waiting(world)
    assert world.dispatch() == []
    world.now += 60_000
    world.confirm(*world.task_ids(job))
    [task] = world.tasks(job)
    assert (TaskStatus(task.status), task.modified_at) == (TaskStatus.QUEUED, world.now)
    assert world.dues(job) == [world.now]
    assert [notice.task_id for notice in world.dispatch()] == [task.id]
    events = [item.event for item in history.of_task(world.tx, task.id)]
    assert events == [TaskEvent.CONFIRMED.name, TaskEvent.PUSHED.name]


def test_a_device_that_is_offline_hears_of_it_when_it_comes(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package(), need_confirm=True)
    world.confirm(*world.task_ids(job))
    assert world.dues(job) == [None]
    world.connect(device)
    world.say_version(device, "1.0.0")
    assert world.dues(job) == [world.now]


def test_without_need_push_nothing_is_due(world: World) -> None:
    job = waiting(world, need_push=False)
    world.confirm(*world.task_ids(job))
    assert world.dues(job) == [None]
    assert set(world.states(job).values()) == {TaskStatus.QUEUED}


def test_a_differential_package_is_not_pushed_to_another_version_than_its_source(world: World) -> None:
    device = world.make_device("dev0")
    other = world.make_device("dev1")
    job = world.make_job(world.make_package(type=1, src_version="1.0.0"), need_confirm=True)
    for online in (device, other):
        world.connect(online)
    world.say_version(other, "1.5.0")
    world.confirm(*world.task_ids(job))
    assert world.dues(job) == [world.now, None]


def test_several_tasks_are_confirmed_together(world: World) -> None:
    job = waiting(world, "dev0", "dev1", "dev2")
    tasks = world.task_ids(job)
    world.confirm(tasks[2], tasks[0])
    assert list(world.states(job).values()) == [TaskStatus.QUEUED, TaskStatus.CONFIRM, TaskStatus.QUEUED]


def test_one_bad_task_fails_the_whole_call(world: World) -> None:
    job = waiting(world, "dev0", "dev1")
    good, confirmed = world.task_ids(job)
    world.confirm(confirmed)
    for bad, code in (
        ("x" * 26, "iot.firmware.InvalidOTATaskId"),
        ("", "iot.firmware.NullTaskId"),
        (confirmed, "iot.firmware.InvalidTaskStatus"),
    ):
        for order in ((good, bad), (bad, good)):
            assert refusal(world, *order).kind.code == code
    assert list(world.states(job).values()) == [TaskStatus.CONFIRM, TaskStatus.QUEUED]


@pytest.mark.parametrize("ending", ["NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED"])
def test_only_what_waits_for_a_confirmation_is_confirmed(world: World, ending: str) -> None:
    device = world.make_device("dev0")
    world.connect(device)
    firmware = world.make_package()
    job = world.make_job(firmware)
    world.dispatch()
    match ending:
        case "IN_PROGRESS":
            world.say_progress(device, 1)
        case "SUCCEEDED":
            world.say_version(device, "2.0.0")
        case "FAILED":
            world.say_progress(device, -1)
        case "CANCELED":
            world.cancel(firmware, ["dev0"])
    refused = refusal(world, *world.task_ids(job))
    assert refused.kind.code == "iot.firmware.InvalidTaskStatus"
    assert ending in refused.text


@pytest.mark.rule("ConfirmOTATask")
def test_a_planned_job_is_confirmed_within_its_schedule_only(world: World) -> None:
    job = waiting(world, "dev0", "dev1")
    first, second = world.task_ids(job)
    begin, end = START + 300_000, START + 4_000_000
    world.set_job(job, status=JobStatus.PLANNED, schedule_at=begin, finish_at=end, started_at=None)
    for world.now, sentence in ((begin - 1, "ScheduleTime"), (end, "ScheduleFinishTime")):
        refused = refusal(world, first)
        assert refused.kind.code == "iot.firmware.InvalidTaskStatus"
        assert sentence in refused.text
    for world.now, task in ((begin, first), (end - 1, second)):
        world.confirm(task)
    assert set(world.states(job).values()) == {TaskStatus.QUEUED}


def test_a_job_that_is_being_cancelled_takes_no_confirmation(world: World) -> None:
    job = waiting(world, "dev0", "dev1")
    world.in_portions_of(1)
    stopping.stop(world.tx, job, [TaskStatus.CONFIRM], TaskEvent.CANCEL_OPEN, limits=world.limits, now=world.now)
    left = [task_id for task_id, task in zip(world.task_ids(job), world.tasks(job), strict=True) if task.status < 100]
    assert refusal(world, *left).kind.code == "iot.firmware.InvalidTaskStatus"


def test_a_device_that_was_updated_meanwhile_has_nothing_to_confirm(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package(), need_confirm=True)
    world.say_version(device, "2.0.0")
    assert "SUCCEEDED" in refusal(world, *world.task_ids(job)).text
