"""Sending what is due, at the job's rate."""

import pytest

from skyferry.ota import dispatch
from skyferry.ota.deadlines import end_overdue
from skyferry.ota.states import TaskStatus
from skyferry.store import tasks as task_statements
from tests.support.rows import World


def test_a_job_sends_no_more_than_its_rate_and_goes_on_later(world: World) -> None:
    for number in range(25):
        world.connect(world.make_device(f"dev{number}"))
    job = world.make_job(world.make_package(), maximum_per_minute=10)
    end = world.now + 60_000
    sent = 0
    while world.now < end:
        sent += len(world.dispatch())
        world.now += 100
    assert 8 <= sent <= 10
    assert list(world.states(job).values()).count(TaskStatus.NOTIFIED) == sent
    while sent < 25:
        sent += len(world.dispatch())
        world.now += 1_000
    assert world.dispatch() == []


def test_a_large_backlog_is_sent_in_portions(world: World) -> None:
    for number in range(12):
        world.connect(world.make_device(f"dev{number}"))
    world.make_job(world.make_package())
    assert len(dispatch.claim_due(world.tx, world.maker, world.now, 5)) == 5
    assert len(dispatch.claim_due(world.tx, world.maker, world.now + 1_000, 50)) == 7


def test_the_longest_waiting_is_sent_first(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(3)]
    world.make_job(world.make_package())
    for device in reversed(devices):
        world.now += 1
        world.connect(device)
        world.say_version(device, "1.0.0")
    claimed = dispatch.claim_due(world.tx, world.maker, world.now, 2)
    assert [notice.device_id for notice in claimed] == [devices[2].id, devices[1].id]


def test_the_worker_knows_when_the_next_push_is_due(world: World) -> None:
    device = world.make_device("dev0")
    world.make_job(world.make_package())
    assert dispatch.next_due_at(world.tx) is None
    world.connect(device)
    assert dispatch.next_due_at(world.tx) == world.now + world.limits.connect_delay_ms


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_time_runs_from_the_first_progress_and_is_not_set_back(world: World) -> None:
    device, waiting = world.make_device("dev0"), world.make_device("dev1")
    job = world.make_job(world.make_package(), timeout_minutes=1)
    start = world.now
    world.say_progress(device, 0)
    world.now = start + 30_000
    world.say_progress(device, 50)
    world.now = start + 59_999
    assert end_overdue(world.tx, world.now, 10) == 0
    world.now = start + 60_000
    assert end_overdue(world.tx, world.now, 10) == 1
    assert world.state(job, device) is TaskStatus.FAILED
    assert world.state(job, waiting) is TaskStatus.QUEUED
    [failed] = task_statements.page_of_job(world.tx, job.id, offset=0, limit=1, status=TaskStatus.FAILED)
    assert failed.description == "timeout"
    assert end_overdue(world.tx, world.now, 10) == 0
