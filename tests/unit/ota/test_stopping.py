"""Ending the open tasks of a whole job (control-plane reference §6.5; §12, 6 and 8)."""

import dataclasses

from skyferry.ota import selection, stopping
from skyferry.ota.states import JobStatus, TaskEvent, TaskStatus
from skyferry.store import jobs as job_statements
from skyferry.store.jobs import JobRecord
from tests.support.rows import World

PENDING = (TaskStatus.CONFIRM, TaskStatus.QUEUED, TaskStatus.NOTIFIED)


def job_of(world: World, job: JobRecord) -> JobRecord:
    found = job_statements.by_id(world.tx, job.id)
    assert found is not None
    return found


def in_portions_of(world: World, size: int) -> None:
    world.limits = dataclasses.replace(world.limits, chunk_devices=size, chunk_tasks=size)


def stop(world: World, job: JobRecord, *states: TaskStatus, event: TaskEvent = TaskEvent.CANCEL_OPEN) -> int:
    return len(stopping.stop(world.tx, job, states, event, limits=world.limits, now=world.now))


def test_a_stopped_job_ends_as_cancelled(world: World) -> None:
    for number in range(3):
        world.make_device(f"dev{number}")
    job = world.make_job(world.make_package())
    assert stop(world, job, TaskStatus.QUEUED) == 3
    assert set(world.states(job).values()) == {TaskStatus.CANCELED}
    ended = job_of(world, job)
    assert (ended.status, ended.ended_at, ended.ending_states) == (JobStatus.CANCELED, world.now, None)


def test_tasks_in_other_states_go_on_and_their_job_completes(world: World) -> None:
    first, second = world.make_device("dev0"), world.make_device("dev1")
    job = world.make_job(world.make_package())
    world.say_progress(first, 1)
    assert stop(world, job, TaskStatus.QUEUED, TaskStatus.NOTIFIED) == 1
    assert world.state(job, second) is TaskStatus.CANCELED
    assert job_of(world, job).status == JobStatus.IN_PROGRESS
    world.say_version(first, "2.0.0")
    assert job_of(world, job).status == JobStatus.COMPLETED


def test_a_large_job_is_stopped_in_portions_and_sends_nothing_meanwhile(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(5)]
    for device in devices:
        world.connect(device)
    job = world.make_job(world.make_package())
    in_portions_of(world, 2)
    assert stop(world, job, *PENDING) == 2
    assert job_of(world, job).status == JobStatus.IN_PROGRESS
    assert world.dispatch() == []
    assert [len(stopping.stop_next(world.tx, world.limits, world.now)) for _ in range(3)] == [2, 1, 0]
    assert job_of(world, job).status == JobStatus.CANCELED


def test_devices_without_a_task_get_none_any_more(world: World) -> None:
    for number in range(5):
        world.make_device(f"dev{number}")
    in_portions_of(world, 2)
    job = world.make_job(world.make_package())
    stop(world, job, TaskStatus.QUEUED)
    stopping.stop_next(world.tx, world.limits, world.now)
    assert job_statements.next_selecting(world.tx) is None
    assert len(world.tasks(job)) == 2
    assert job_of(world, job).status == JobStatus.CANCELED


def test_a_portion_that_was_under_way_when_the_job_was_stopped_makes_nothing(world: World) -> None:
    for number in range(5):
        world.make_device(f"dev{number}")
    world.in_portions_of(2)
    job = world.make_job(world.make_package())
    read_before = world.job(job)
    stop(world, job, TaskStatus.QUEUED)
    stopping.stop_next(world.tx, world.limits, world.now)
    selection.select_portion(world.tx, read_before, world.limits, world.now)
    assert list(world.states(job).values()) == [TaskStatus.CANCELED] * 2


def test_stopping_again_while_it_goes_on_adds_to_it(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(4)]
    job = world.make_job(world.make_package())
    world.say_progress(devices[0], 1)
    in_portions_of(world, 1)
    stop(world, job, TaskStatus.QUEUED)
    stop(world, job_of(world, job), TaskStatus.IN_PROGRESS)
    while stopping.stop_next(world.tx, world.limits, world.now):
        pass
    assert set(world.states(job).values()) == {TaskStatus.CANCELED}


def test_what_the_schedule_ends_spares_what_has_begun(world: World) -> None:
    begun, waiting = world.make_device("dev0"), world.make_device("dev1")
    job = world.make_job(world.make_package())
    world.say_progress(begun, 1)
    stop(world, job, *TaskStatus, event=TaskEvent.SCHEDULE_ENDED)
    assert world.state(job, begun) is TaskStatus.IN_PROGRESS
    assert world.state(job, waiting) is TaskStatus.CANCELED


def test_a_job_that_only_had_devices_to_look_for_ends(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(3)]
    in_portions_of(world, 1)
    job = world.make_job(world.make_package())
    world.say_version(devices[0], "2.0.0")
    assert stop(world, job, TaskStatus.QUEUED) == 0
    ended = job_of(world, job)
    assert (ended.status, ended.ended_at, ended.ending_states) == (JobStatus.CANCELED, world.now, None)


def test_a_call_during_the_end_of_the_schedule_cancels_only_what_it_names(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(4)]
    job = world.make_job(world.make_package())
    world.say_progress(devices[0], 1)
    in_portions_of(world, 1)
    stop(world, job, *TaskStatus, event=TaskEvent.SCHEDULE_ENDED)
    stop(world, job_of(world, job), TaskStatus.NOTIFIED)
    while stopping.stop_next(world.tx, world.limits, world.now):
        pass
    assert list(world.states(job).values()) == [TaskStatus.IN_PROGRESS, *[TaskStatus.CANCELED] * 3]


def test_the_end_of_the_schedule_during_a_call_takes_nothing_from_it(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(3)]
    job = world.make_job(world.make_package())
    for device in devices:
        world.say_progress(device, 1)
    in_portions_of(world, 1)
    stop(world, job, TaskStatus.IN_PROGRESS)
    stop(world, job_of(world, job), *TaskStatus, event=TaskEvent.SCHEDULE_ENDED)
    while stopping.stop_next(world.tx, world.limits, world.now):
        pass
    assert set(world.states(job).values()) == {TaskStatus.CANCELED}
