"""ScheduleTime and ScheduleFinishTime (control-plane reference §5.7, §6.9; §12, 8 and 9)."""

import pytest

from skyferry.errors import ApiError
from skyferry.ota import schedule
from skyferry.ota.states import JobStatus, TaskStatus
from skyferry.store.jobs import JobRecord
from tests.support.rows import World

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def planned(world: World, **values: object) -> JobRecord:
    """A job that starts in ten minutes."""
    return world.make_static(world.make_package(), schedule_at=world.now + 10 * MINUTE, **values)


def pass_time(world: World, milliseconds: int) -> None:
    world.now += milliseconds
    schedule.start_due(world.tx, world.now, 10)
    while schedule.finish_due(world.tx, world.limits, world.now) is not None:
        pass
    while world.select_portion():
        pass


@pytest.mark.parametrize(
    ("start", "finish", "code"),
    [
        (None, 2 * HOUR, "ScheduleFinishTimeWithoutStartTime"),
        (0, None, "FireTimeMustLargeThanCurrentTime"),
        (-DAY, None, "FireTimeMustLargeThanCurrentTime"),
        (5 * MINUTE - 1, None, "FireTimeTooShort"),
        (7 * DAY + 1, None, "FireTimeTooLate"),
        (HOUR, HOUR, "ScheduleFinishTimeEarlierThanStartTime"),
        (HOUR, MINUTE, "ScheduleFinishTimeEarlierThanStartTime"),
        (HOUR, 2 * HOUR - 1, "ScheduleFinishTimeTooEarly"),
        (HOUR, HOUR + 30 * DAY + 1, "ScheduleFinishTimeTooLate"),
    ],
)
def test_a_schedule_out_of_bounds_has_its_code(world: World, start: int | None, finish: int | None, code: str) -> None:
    world.make_device("dev0")
    with pytest.raises(ApiError) as refused:
        world.make_static(
            world.make_package(),
            schedule_at=None if start is None else world.now + start,
            finish_at=None if finish is None else world.now + finish,
        )
    assert refused.value.kind.code == f"iot.firmware.{code}"


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
@pytest.mark.parametrize(("start", "finish"), [(5 * MINUTE, None), (7 * DAY, 37 * DAY), (HOUR, 2 * HOUR)])
def test_the_bounds_themselves_are_allowed(world: World, start: int, finish: int | None) -> None:
    world.make_device("dev0")
    job = world.make_static(
        world.make_package(), schedule_at=world.now + start, finish_at=None if finish is None else world.now + finish
    )
    assert (job.status, job.started_at) == (JobStatus.PLANNED, None)


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_all_looks_at_the_fleet_when_it_starts(world: World) -> None:
    early = world.make_device("early")
    job = planned(world)
    late = world.make_device("late")
    world.say_version(early, "2.0.0")
    assert world.states(job) == {}
    pass_time(world, 10 * MINUTE)
    assert world.states(job) == {late.id: TaskStatus.QUEUED}
    started = world.job(job)
    assert (started.status, started.started_at) == (JobStatus.IN_PROGRESS, world.now)


def test_a_job_that_finds_nobody_at_its_start_is_complete(world: World) -> None:
    device = world.make_device("dev0")
    job = planned(world)
    world.say_version(device, "2.0.0")
    pass_time(world, 10 * MINUTE)
    assert world.job(job).status == JobStatus.COMPLETED


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_named_devices_have_their_task_at_once_and_hear_of_it_at_the_start(world: World) -> None:
    device = world.make_device("dev0")
    world.connect(device)
    job = planned(world, target_selection="SPECIFIC", device_names=["dev0"])
    assert world.states(job) == {device.id: TaskStatus.QUEUED}
    pass_time(world, 9 * MINUTE)
    assert world.dispatch() == []
    pass_time(world, MINUTE)
    assert [notice.device_id for notice in world.dispatch()] == [device.id]
    assert world.state(job, device) is TaskStatus.NOTIFIED


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_before_the_start_a_device_that_asks_gets_nothing_and_its_progress_is_not_of_the_job(world: World) -> None:
    device = world.make_device("dev0")
    world.connect(device)
    job = planned(world, target_selection="SPECIFIC", device_names=["dev0"])
    assert world.pull(device) == {}
    world.say_progress(device, 50)
    assert world.state(job, device) is TaskStatus.QUEUED


def test_what_is_done_before_the_start_is_done(world: World) -> None:
    device = world.make_device("dev0")
    job = planned(world, target_selection="SPECIFIC", device_names=["dev0"])
    world.say_version(device, "2.0.0")
    assert (world.state(job, device), world.job(job).status) == (TaskStatus.SUCCEEDED, JobStatus.PLANNED)
    pass_time(world, 10 * MINUTE)
    assert world.job(job).status == JobStatus.COMPLETED


def test_the_end_cancels_what_has_not_begun_and_completes_the_job(world: World) -> None:
    begun, told, waiting = (world.make_device(name) for name in ("begun", "told", "waiting"))
    job = planned(world, finish_at=world.now + 2 * HOUR)
    pass_time(world, 10 * MINUTE)
    for device in (begun, told):
        world.connect(device)
        world.say_version(device, "1.0.0")
    world.dispatch()
    world.say_progress(begun, 10)
    pass_time(world, 2 * HOUR - 10 * MINUTE)
    assert world.states(job) == {
        begun.id: TaskStatus.IN_PROGRESS,
        told.id: TaskStatus.CANCELED,
        waiting.id: TaskStatus.CANCELED,
    }
    assert (world.job(job).status, world.job(job).ended_at) == (JobStatus.COMPLETED, world.now)
    world.say_version(begun, "2.0.0")
    assert world.state(job, begun) is TaskStatus.SUCCEEDED


def test_the_end_stops_a_job_that_is_still_looking_for_devices(world: World) -> None:
    for number in range(6):
        world.make_device(f"dev{number}")
    job = planned(world, finish_at=world.now + 2 * HOUR)
    world.in_portions_of(2)
    world.now += 10 * MINUTE
    schedule.start_due(world.tx, world.now, 10)
    world.select_portion()
    pass_time(world, 2 * HOUR)
    assert list(world.states(job).values()) == [TaskStatus.CANCELED] * 2
    assert not world.select_portion()


def test_a_server_that_was_away_starts_and_ends_what_it_has_missed(world: World) -> None:
    device = world.make_device("dev0")
    job = planned(world, finish_at=world.now + 2 * HOUR, target_selection="SPECIFIC", device_names=["dev0"])
    pass_time(world, DAY)
    assert (world.job(job).status, world.state(job, device)) == (JobStatus.COMPLETED, TaskStatus.CANCELED)
