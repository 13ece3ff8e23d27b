"""A device that fails again and again is left alone for longer and longer (DESIGN, rule 8)."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from skyferry.ota import backoff
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import TaskStatus
from skyferry.store.devices import DeviceRecord
from tests.support.rows import World

LIMITS = EngineLimits(patient_pushes=3, push_backoff_ms=60_000, push_backoff_most_ms=600_000)
MINUTE = 60_000


def crash(world: World, device: DeviceRecord) -> int:
    """The device comes back with its old version and is pushed to; tells how long it had to wait for that."""
    world.now += 1_000
    world.connect(device)
    world.say_version(device, "1.0.0")
    began = world.now
    while not world.dispatch():
        world.now += MINUTE // 2
    return world.now - began


def test_the_delays_double_up_to_the_longest() -> None:
    delays = [backoff.delay_ms(times, LIMITS) for times in range(9)]
    assert delays == [0, 0, 0, MINUTE, 2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 10 * MINUTE, 10 * MINUTE]


@given(times=st.integers(0, 32_767))
def test_no_number_of_attempts_makes_a_delay_too_long(times: int) -> None:
    assert 0 <= backoff.delay_ms(times, LIMITS) <= LIMITS.push_backoff_most_ms
    assert backoff.delay_ms(times, dataclasses.replace(LIMITS, push_backoff_ms=0)) == 0


def test_a_device_that_crashes_on_its_update_is_pushed_to_more_and_more_seldom(world: World) -> None:
    world.limits = dataclasses.replace(world.limits, push_backoff_ms=MINUTE)
    device = world.make_device("dev0")
    world.make_job(world.make_package())
    assert [crash(world, device) for _ in range(6)] == [0, 0, 0, MINUTE, 2 * MINUTE, 4 * MINUTE]


def test_a_push_that_was_lost_on_its_way_counts_for_nothing(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    for _ in range(5):
        assert crash(world, device) == 0
        [task] = world.tasks(job)
        world.lose_push(device, task.id)
    assert world.state(job, device) is TaskStatus.QUEUED


def test_another_try_of_the_task_begins_without_delay(world: World) -> None:
    device = world.make_device("dev0")
    world.make_job(world.make_package(), retry_interval_minutes=0, retry_count=2)
    for _ in range(3):
        crash(world, device)
    world.say_progress(device, -1)
    assert crash(world, device) == 0


def test_a_dynamic_job_waits_longer_and_longer_with_a_device_that_fails(world: World) -> None:
    world.limits = dataclasses.replace(world.limits, push_backoff_ms=MINUTE)
    device = world.make_device("dev0", version=None)
    world.make_dynamic(world.make_package())
    waited = []
    for _ in range(5):
        waited.append(crash(world, device))
        world.say_progress(device, -1)
    assert waited == [0, 0, 0, MINUTE, 2 * MINUTE]
