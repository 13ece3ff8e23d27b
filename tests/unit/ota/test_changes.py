"""The history of a task: every state it had, since when, and why."""

from skyferry.bus.messages import ProgressReported
from skyferry.ota.states import TaskEvent, TaskStatus
from skyferry.store import history
from skyferry.store.history import HistoryRecord
from skyferry.store.jobs import JobRecord
from tests.support.rows import World


def past(world: World, job: JobRecord) -> list[tuple[TaskEvent, TaskStatus, int]]:
    [task] = world.tasks(job)
    return [(TaskEvent[item.event], TaskStatus(item.status), item.at) for item in history.of_task(world.tx, task.id)]


def test_each_change_of_state_is_remembered_with_its_time(world: World) -> None:
    device = world.make_device("dev0")
    world.connect(device)
    job = world.make_job(world.make_package())
    start = world.now
    world.dispatch()
    world.now += 1_000
    world.say_progress(device, 10)
    world.say_progress(device, 20)
    world.now += 1_000
    world.say_version(device, "2.0.0")
    assert past(world, job) == [
        (TaskEvent.PUSHED, TaskStatus.NOTIFIED, start),
        (TaskEvent.PROGRESS_REPORTED, TaskStatus.IN_PROGRESS, start + 1_000),
        (TaskEvent.TARGET_REPORTED, TaskStatus.SUCCEEDED, start + 2_000),
    ]


def test_changes_of_one_batch_are_all_remembered(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    steps = [ProgressReported(device.id, None, step, "no room", world.now) for step in (5, -1)]
    world.report(*steps)
    assert [event for event, _, _ in past(world, job)] == [TaskEvent.PROGRESS_REPORTED, TaskEvent.FAILURE_REPORTED]
    [task] = world.tasks(job)
    assert history.of_task(world.tx, task.id)[-1] == HistoryRecord(
        world.now, TaskStatus.FAILED, "FAILURE_REPORTED", "the update failed: no room"
    )


def test_old_history_is_forgotten_in_portions_oldest_first(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    for step in (1, 2):
        world.say_progress(device, step)
        world.now += 1_000
    world.say_version(device, "2.0.0")
    assert len(past(world, job)) == 2
    assert history.forget(world.tx, world.now, 1) == 1
    assert history.forget(world.tx, world.now, 1) == 0
    assert [event for event, _, _ in past(world, job)] == [TaskEvent.TARGET_REPORTED]


def test_a_cancelled_and_a_replaced_task_say_so(world: World) -> None:
    device = world.make_device("dev0")
    firmware = world.make_package()
    first = world.make_job(firmware)
    other = world.make_package("3.0.0")
    second = world.make_job(other, overwrite_mode=2)
    world.cancel(other, [device.name])
    assert [event for event, _, _ in past(world, first)] == [TaskEvent.OVERWRITTEN]
    assert [event for event, _, _ in past(world, second)] == [TaskEvent.CANCEL_PENDING]
