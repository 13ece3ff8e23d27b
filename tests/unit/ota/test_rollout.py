"""Jobs that halt, go by stages, speed up, pause and go on."""

import pytest

from skyferry.errors import ApiError
from skyferry.ota import rollout
from skyferry.ota.controls import Controls, Window
from skyferry.ota.states import JobStatus
from skyferry.store import task_counts
from skyferry.store.devices import DeviceRecord
from skyferry.store.jobs import JobRecord
from tests.support.rows import World

MINUTE = 60_000


def online(world: World, count: int) -> list[DeviceRecord]:
    """Devices that wait for updates."""
    devices = [world.make_device(f"dev{number:03}") for number in range(count)]
    for device in devices:
        world.connect(device)
    return devices


def job_with(world: World, **told: object) -> JobRecord:
    return world.make_static(world.make_package(), controls=Controls(**told))  # type: ignore[arg-type]


def pushed(world: World) -> list[int]:
    """Steers, sends what is due, and tells to whom."""
    rollout.steer_all(world.tx, world.now)
    return [notice.device_id for notice in world.dispatch()]


def halted(world: World, job: JobRecord) -> str | None:
    rollout.steer_all(world.tx, world.now)
    return world.job(job).pause_reason


def test_a_job_halts_at_a_percentage_of_failures(world: World) -> None:
    devices = online(world, 20)
    job = job_with(world, halt_failure_percent=20, halt_minimum_executed=5)
    for device in devices[:4]:
        world.say_progress(device, -1)
    assert halted(world, job) is None
    world.say_version(devices[4], "2.0.0")
    assert halted(world, job) == "halted: 4 of 5 updates failed, 20 percent are too many"
    assert world.dispatch() == []
    assert world.job(job).status == JobStatus.IN_PROGRESS


def test_a_job_halts_at_a_number_of_failures(world: World) -> None:
    devices = online(world, 5)
    job = job_with(world, halt_failure_count=2)
    world.say_progress(devices[0], -1)
    assert halted(world, job) is None
    world.say_progress(devices[1], -1)
    assert halted(world, job) == "halted: 2 updates failed, 2 are too many"


def test_devices_that_were_busy_do_not_halt_a_job(world: World) -> None:
    devices = online(world, 5)
    world.make_job(world.make_package("3.0.0"), [device.name for device in devices[:3]])
    job = job_with(world, halt_failure_percent=1)
    assert halted(world, job) is None
    assert rollout.counts_of(world.tx, job.id).total == 2


def test_failures_are_counted_without_a_look_at_the_tasks_while_no_device_was_busy(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = online(world, 5)
    job = job_with(world, halt_failure_count=5)
    for device in devices[:2]:
        world.say_progress(device, -1)
    monkeypatch.setattr(task_counts, "count_failed", lambda *_args, **_named: pytest.fail("tasks were counted"))

    assert rollout.counts_of(world.tx, job.id).failed == 2


def test_a_halted_job_goes_on_and_halts_only_on_new_failures(world: World) -> None:
    devices = online(world, 6)
    job = job_with(world, halt_failure_count=2)
    for device in devices[:2]:
        world.say_progress(device, -1)
    assert halted(world, job)
    rollout.resume(world.tx, world.job(job), world.now)
    assert halted(world, job) is None
    assert len(world.dispatch()) == 4
    for device in devices[2:4]:
        world.say_progress(device, -1)
    assert halted(world, job)


def test_each_stage_tells_its_share_and_waits_for_its_end(world: World) -> None:
    devices = online(world, 10)
    job = job_with(world, stages=(10, 50, 100))
    assert world.dispatch() == []
    first = pushed(world)
    assert (len(first), world.job(job).stage) == (1, 1)
    assert pushed(world) == []
    world.say_version(devices[[device.id for device in devices].index(first[0])], "2.0.0")
    second = pushed(world)
    assert (len(second), world.job(job).stage) == (4, 2)
    for device in devices:
        if device.id in second:
            world.say_progress(device, -1)
    assert (len(pushed(world)), world.job(job).stage) == (5, 3)


def test_a_stage_may_wait_for_successes(world: World) -> None:
    devices = {device.id: device for device in online(world, 10)}
    job = job_with(world, stages=(50, 100), stage_success_percent=60)
    first = pushed(world)
    for device_id in first[:3]:
        world.say_progress(devices[device_id], -1)
    for device_id in first[3:]:
        world.say_version(devices[device_id], "2.0.0")
    assert (pushed(world), world.job(job).stage) == ([], 1)


def test_a_device_that_asks_takes_its_place_in_the_stage(world: World) -> None:
    devices = online(world, 4)
    job_with(world, stages=(25, 100))
    rollout.steer_all(world.tx, world.now)
    assert world.pull(devices[3]) != {}
    assert world.dispatch() == []
    assert world.pull(devices[0]) == {}


def test_a_device_of_the_stage_that_comes_back_is_told_again(world: World) -> None:
    devices = {device.id: device for device in online(world, 4)}
    job_with(world, stages=(25, 100))
    [told] = pushed(world)
    world.now += MINUTE
    world.connect(devices[told], "c2")
    world.say_version(devices[told], "1.0.0")
    assert pushed(world) == [told]


def test_a_notice_that_was_lost_gives_its_place_back(world: World) -> None:
    devices = {device.id: device for device in online(world, 4)}
    job = job_with(world, stages=(25, 100))
    [told] = pushed(world)
    [task] = [task for task in world.tasks(job) if task.device_id == told]
    world.lose_push(devices[told], task.id)
    world.disconnect(devices[told])
    assert len(pushed(world)) == 1


def test_stages_begin_when_the_job_knows_its_devices(world: World) -> None:
    online(world, 6)
    world.in_portions_of(2)
    job = job_with(world, stages=(50, 100))
    assert (pushed(world), world.job(job).stage) == ([], 0)
    while world.select_portion():
        pass
    assert len(pushed(world)) == 3


def test_the_rate_grows_with_success(world: World) -> None:
    devices = online(world, 8)
    job = job_with(world, rate_start=2, rate_growth_percent=300, rate_growth_successes=2)
    rates = []
    for device in devices:
        rollout.steer_all(world.tx, world.now)
        rates.append(world.job(job).push_rate)
        world.say_version(device, "2.0.0")
    assert rates == [2, 2, 6, 6, 18, 18, 54, 54]


def test_the_rate_does_not_outgrow_the_maximum(world: World) -> None:
    devices = online(world, 6)
    firmware = world.make_package()
    told = Controls(rate_start=10, rate_growth_percent=1_000, rate_growth_successes=1)
    job = world.make_static(firmware, controls=told, options=world.options(maximum_per_minute=50))
    for device in devices:
        world.say_version(device, "2.0.0")
        rollout.steer_all(world.tx, world.now)
        assert (world.job(job).push_rate or 0) <= 50


def test_a_paused_job_pushes_and_answers_nothing_until_it_is_resumed(world: World) -> None:
    [device] = online(world, 1)
    job = world.make_job(world.make_package())
    rollout.pause(world.tx, job, "paused by root", world.now)
    assert (world.dispatch(), world.pull(device)) == ([], {})
    paused = world.job(job)
    assert (paused.status, paused.paused_at, paused.pause_reason) == ("IN_PROGRESS", world.now, "paused by root")
    rollout.resume(world.tx, paused, world.now)
    assert len(world.dispatch()) == 1


def test_what_has_begun_goes_on_while_a_job_is_paused(world: World) -> None:
    [device] = online(world, 1)
    job = world.make_job(world.make_package())
    world.say_progress(device, 10)
    rollout.pause(world.tx, job, "", world.now)
    world.say_version(device, "2.0.0")
    assert world.job(job).status == JobStatus.COMPLETED


def test_pausing_twice_resuming_twice_or_an_ended_job_is_refused(world: World) -> None:
    [device] = online(world, 1)
    job = world.make_job(world.make_package())

    def code_of(action: object, *arguments: object) -> str:
        with pytest.raises(ApiError) as refused:
            action(world.tx, world.job(job), *arguments, world.now)  # type: ignore[operator]
        return refused.value.kind.code

    assert code_of(rollout.resume) == "skyferry.JobIsNotPaused"
    rollout.pause(world.tx, job, "", world.now)
    assert code_of(rollout.pause, "") == "skyferry.JobIsPaused"
    world.say_version(device, "2.0.0")
    assert code_of(rollout.pause, "") == "skyferry.JobHasEnded"
    assert code_of(rollout.resume) == "skyferry.JobHasEnded"


def test_controls_may_be_changed_while_a_job_runs(world: World) -> None:
    online(world, 10)
    job = job_with(world, stages=(10, 100))
    assert len(pushed(world)) == 1
    rollout.change(world.tx, world.job(job), Controls(stages=(30, 100)), world.now)
    assert len(pushed(world)) == 2
    rollout.change(world.tx, world.job(job), Controls(), world.now)
    assert world.job(job).controls is None
    assert len(pushed(world)) == 7


@pytest.mark.parametrize(
    "told",
    [
        {"halt_failure_percent": 0},
        {"halt_failure_percent": 101},
        {"halt_failure_count": 0},
        {"halt_minimum_executed": 0},
        {"stages": (50,)},
        {"stages": (50, 20, 100)},
        {"stages": (0, 100)},
        {"stages": (10, 10, 100)},
        {"stages": tuple(range(80, 101))},
        {"stage_success_percent": 50},
        {"stages": (10, 100), "stage_success_percent": 0},
        {"windows": (Window("0 25 * * *", 10),)},
        {"windows": (Window("0 2 * * *", 0),)},
        {"windows": (Window("soon", 10),)},
        {"windows": (Window("0 2 * * *", 10),) * 11},
        {"window_time_zone": "Middle/Earth"},
        {"window_time_zone": "../etc/passwd"},
        {"rate_start": 10},
        {"rate_start": 1, "rate_growth_percent": 200, "rate_growth_successes": 1},
        {"rate_start": 10, "rate_growth_percent": 100, "rate_growth_successes": 1},
    ],
    ids=str,
)
def test_controls_that_cannot_take_effect_are_refused(world: World, told: dict[str, object]) -> None:
    online(world, 1)
    with pytest.raises(ApiError) as refused:
        job_with(world, **told)
    assert refused.value.kind.code == "skyferry.InvalidControls"


def test_a_dynamic_job_may_halt_and_has_no_stages(world: World) -> None:
    job = world.make_dynamic(world.make_package())
    rollout.change(world.tx, job, Controls(halt_failure_count=1), world.now)
    world.say_progress(world.make_device("dev0"), -1)
    assert halted(world, job)
    with pytest.raises(ApiError, match="dynamic"):
        rollout.change(world.tx, job, Controls(stages=(10, 100)), world.now)
