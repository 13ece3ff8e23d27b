"""Automatic retry (control-plane reference §6.8)."""

from typing import Any

import pytest

from skyferry.ota import deadlines
from skyferry.ota.states import TaskStatus
from skyferry.store import history
from skyferry.store.devices import DeviceRecord
from skyferry.store.jobs import JobRecord
from tests.support.rows import World

MINUTE = 60_000


def running(world: World, *, interval: int = 10, count: int = 1, **options: Any) -> tuple[DeviceRecord, JobRecord]:
    """A device that has its notice, in a job that tries again."""
    device = world.make_device("dev0")
    world.connect(device)
    job = world.make_job(world.make_package(), retry_interval_minutes=interval, retry_count=count, **options)
    world.dispatch()
    return device, job


def description(world: World, job: JobRecord) -> str:
    [task] = world.tasks(job)
    return task.description


@pytest.mark.parametrize("begun", [True, False])
def test_a_failed_try_keeps_the_state_and_is_repeated_after_the_interval(world: World, *, begun: bool) -> None:
    device, job = running(world)
    if begun:
        world.say_progress(device, 10)
    shown = world.state(job, device)
    world.say_progress(device, -2)
    assert world.state(job, device) is shown
    assert description(world, job) == "the download failed (try 1 of 2)"
    world.now += 10 * MINUTE - 1
    assert world.dispatch() == []
    world.now += 1
    assert [notice.device_id for notice in world.dispatch()] == [device.id]
    assert world.state(job, device) is shown


def test_the_last_try_fails_the_task(world: World) -> None:
    device, job = running(world, interval=0, count=2)
    for _ in range(2):
        world.say_progress(device, -1)
        assert len(world.dispatch()) == 1
    world.say_progress(device, -1)
    assert world.state(job, device) is TaskStatus.FAILED
    [task] = world.tasks(job)
    assert [entry.event for entry in history.of_task(world.tx, task.id)] == [
        "PUSHED",
        "TRY_FAILED",
        "TRY_FAILED",
        "FAILURE_REPORTED",
    ]


def test_a_try_that_succeeds_leaves_no_trace_in_the_task(world: World) -> None:
    device, job = running(world)
    world.say_progress(device, -1)
    world.say_version(device, "2.0.0")
    assert (world.state(job, device), description(world, job)) == (TaskStatus.SUCCEEDED, "")


def test_failures_while_the_next_try_waits_count_once(world: World) -> None:
    device, job = running(world)
    for _ in range(4):
        world.say_progress(device, -1)
    assert world.state(job, device) is TaskStatus.NOTIFIED


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_a_foreign_version_is_a_failed_try_and_the_next_starts_from_it(world: World) -> None:
    device, job = running(world)
    world.say_progress(device, 10)
    world.say_version(device, "0.9.0")
    world.say_version(device, "0.9.0")
    assert world.state(job, device) is TaskStatus.IN_PROGRESS
    world.now += 10 * MINUTE
    assert len(world.dispatch()) == 1
    world.say_version(device, "0.9.0")
    assert world.state(job, device) is TaskStatus.IN_PROGRESS
    world.say_version(device, "0.8.0")
    assert world.state(job, device) is TaskStatus.FAILED


def test_a_differential_package_is_not_tried_again_on_a_foreign_version(world: World) -> None:
    device = world.make_device("dev0")
    firmware = world.make_package(type=1, src_version="1.0.0")
    job = world.make_job(firmware, retry_interval_minutes=0, retry_count=5)
    world.say_progress(device, 10)
    world.say_version(device, "0.9.0")
    assert world.state(job, device) is TaskStatus.FAILED


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_a_timeout_is_not_tried_again(world: World) -> None:
    device, job = running(world, timeout_minutes=30)
    world.say_progress(device, 10)
    world.say_progress(device, -1)
    world.now += 30 * MINUTE
    deadlines.end_overdue(world.tx, world.now, 10)
    assert (world.state(job, device), description(world, job)) == (TaskStatus.FAILED, "timeout")


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_a_cancelled_task_is_not_tried_again(world: World) -> None:
    device = world.make_device("dev0")
    world.connect(device)
    firmware = world.make_package()
    job = world.make_job(firmware, retry_interval_minutes=0, retry_count=5)
    world.cancel(firmware, ["dev0"])
    world.say_progress(device, -1)
    assert world.state(job, device) is TaskStatus.CANCELED


def test_a_device_that_was_away_gets_the_next_try_when_it_comes_back(world: World) -> None:
    device, job = running(world)
    world.say_progress(device, -1)
    world.disconnect(device)
    world.now += 20 * MINUTE
    assert world.dispatch() == []
    world.connect(device, "c2")
    world.say_version(device, "1.0.0")
    assert len(world.dispatch()) == 1
    assert world.state(job, device) is TaskStatus.NOTIFIED


def test_a_device_that_comes_back_early_waits_for_the_next_try(world: World) -> None:
    device, _ = running(world)
    world.say_progress(device, -1)
    world.connect(device, "c2")
    world.say_version(device, "1.0.0")
    world.now += 10 * MINUTE - 1
    assert world.dispatch() == []
    assert world.pull(device) == {}
    world.now += 1
    assert len(world.dispatch()) == 1


def test_a_device_that_goes_on_by_itself_ends_the_wait(world: World) -> None:
    device, job = running(world)
    world.say_progress(device, -1)
    world.say_progress(device, 30)
    world.now += 10 * MINUTE
    assert world.dispatch() == []
    world.say_progress(device, -1)
    assert world.state(job, device) is TaskStatus.FAILED


def test_without_pushes_the_device_asks_again(world: World) -> None:
    device, job = running(world, need_push=False)
    assert world.pull(device) != {}
    world.say_progress(device, -1)
    assert world.pull(device) == {}
    world.now += 10 * MINUTE
    assert world.pull(device) != {}
    world.say_version(device, "2.0.0")
    assert world.state(job, device) is TaskStatus.SUCCEEDED
