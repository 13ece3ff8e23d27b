"""What device reports do to tasks (control-plane reference §6.9; device-plane reference §2, §3)."""

import json

import pytest

from skyferry.bus.messages import (
    Connected,
    Disconnected,
    NoticeKind,
    NoticeUndelivered,
    PackageRequested,
    ProgressReported,
    PullForm,
    VersionReported,
)
from skyferry.ota.states import TaskStatus
from skyferry.store import devices as device_statements
from skyferry.store import tasks as task_statements
from skyferry.store.jobs import JobRecord
from skyferry.store.tables import DeviceState
from tests.support.rows import World


def task_of(world: World, job: JobRecord) -> task_statements.TaskRecord:
    [task] = task_statements.page_of_job(world.tx, job.id, offset=0, limit=10)
    return task


def test_progress_alone_is_not_success_and_the_version_is(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.say_progress(device, 100)
    assert task_of(world, job).progress == 100
    assert world.state(job, device) is TaskStatus.IN_PROGRESS
    world.say_version(device, "2.0.0")
    assert world.state(job, device) is TaskStatus.SUCCEEDED
    assert task_of(world, job).description == ""


@pytest.mark.parametrize("step", [-1, -2, -3, -4])
def test_a_negative_step_fails_the_task_with_its_reason(world: World, step: int) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.say_progress(device, step, text="flash is full")
    assert world.state(job, device) is TaskStatus.FAILED
    assert "flash is full" in task_of(world, job).description


def test_a_foreign_version_fails_a_running_update_only(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.say_version(device, "0.9.0")
    assert world.state(job, device) is TaskStatus.QUEUED
    world.say_progress(device, 1)
    world.say_version(device, "1.0.0")
    assert world.state(job, device) is TaskStatus.IN_PROGRESS
    world.say_version(device, "0.9.0")
    assert world.state(job, device) is TaskStatus.FAILED
    assert task_of(world, job).description == "report version is not conform"


def test_a_device_that_comes_back_with_what_it_ran_before_has_not_failed(world: World) -> None:
    """Its version has changed since the task was made: by an older update, which it had begun already."""
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.say_version(device, "1.5.0")
    world.say_progress(device, 1)
    world.say_version(device, "1.5.0")
    assert world.state(job, device) is TaskStatus.IN_PROGRESS
    world.say_version(device, "2.0.0")
    assert world.state(job, device) is TaskStatus.SUCCEEDED


def test_progress_and_version_of_a_cancelled_update_do_not_fail_the_one_after_it(world: World) -> None:
    """A device that has begun goes on with what was cancelled; its progress does not say of which update it tells."""
    device = world.make_device("dev0")
    older = world.make_package("1.9.0")
    world.make_job(older, ["dev0"])
    world.cancel(older, ["dev0"])
    job = world.make_job(world.make_package(), ["dev0"])
    world.say_progress(device, 100)
    world.say_version(device, "1.9.0")
    assert world.state(job, device) is TaskStatus.IN_PROGRESS
    world.say_version(device, "0.9.0")
    assert world.state(job, device) is TaskStatus.FAILED


def test_a_late_report_of_an_ended_task_changes_the_version_only(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.say_progress(device, -1)
    world.say_progress(device, 50)
    world.say_version(device, "2.0.0")
    assert world.state(job, device) is TaskStatus.FAILED
    assert device_statements.module_version(world.tx, device.id, "default") == "2.0.0"


def test_another_module_does_not_touch_the_task(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.say_version(device, "2.0.0", module="mcu")
    world.say_progress(device, -1, module="mcu")
    assert world.state(job, device) is TaskStatus.QUEUED


def test_progress_without_a_module_is_of_the_only_open_task(world: World) -> None:
    device = world.make_device("dev0", module="mcu")
    job = world.make_job(world.make_package(module="mcu"))
    world.say_progress(device, 30)
    assert world.state(job, device) is TaskStatus.IN_PROGRESS


def test_reports_of_one_batch_are_applied_in_their_order(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.report(
        Connected(device.id, "c1", "127.0.0.1", world.now),
        VersionReported(device.id, "default", "1.0.0", world.now),
        ProgressReported(device.id, None, 10, "", world.now),
        ProgressReported(device.id, None, 90, "", world.now),
        VersionReported(device.id, "default", "2.0.0", world.now),
        Disconnected(device.id, "c1", world.now),
    )
    assert world.state(job, device) is TaskStatus.SUCCEEDED
    assert task_of(world, job).progress == 100


def test_reports_of_unknown_devices_are_ignored(world: World) -> None:
    assert world.report(VersionReported(999, "default", "1.0.0", world.now)) == []
    assert world.disconnected == []


def test_a_device_that_was_removed_while_it_logged_in_is_disconnected(world: World) -> None:
    assert world.report(Connected(999, "c1", "127.0.0.1", world.now)) == []
    assert world.disconnected == [999]


def test_a_device_that_was_disabled_while_it_logged_in_is_disconnected(world: World) -> None:
    device = world.make_device("dev0")
    device_statements.set_disabled(world.tx, device.id, disabled=True, now=world.now)
    world.connect(device)
    assert world.disconnected == [device.id]
    device_statements.set_disabled(world.tx, device.id, disabled=False, now=world.now)
    [enabled] = device_statements.page(world.tx, world.product.id, limit=1)
    assert enabled.state == DeviceState.UNACTIVE


def test_a_connection_that_was_replaced_does_not_take_the_device_offline(world: World) -> None:
    device = world.make_device("dev0")
    world.connect(device, "old")
    world.connect(device, "new")
    world.report(Disconnected(device.id, "old", world.now))
    [online] = device_statements.page(world.tx, world.product.id, limit=1)
    assert online.state == DeviceState.ONLINE
    world.report(Disconnected(device.id, "new", world.now))
    [offline] = device_statements.page(world.tx, world.product.id, limit=1)
    assert offline.state == DeviceState.OFFLINE
    assert offline.activated_at == world.now


def test_an_online_device_is_pushed_to_at_once_and_an_offline_one_when_it_comes(world: World) -> None:
    online, offline = world.make_device("dev-on"), world.make_device("dev-off")
    world.connect(online)
    world.make_job(world.make_package())
    assert [notice.device_id for notice in world.dispatch()] == [online.id]
    assert world.dispatch() == []
    world.connect(offline)
    assert world.dispatch() == []
    world.say_version(offline, "1.0.0")
    assert [notice.device_id for notice in world.dispatch()] == [offline.id]


def test_a_device_that_reports_no_version_is_pushed_to_after_a_delay(world: World) -> None:
    device = world.make_device("dev0")
    world.make_job(world.make_package())
    world.connect(device)
    world.now += world.limits.connect_delay_ms - 1
    assert world.dispatch() == []
    world.now += 1
    assert len(world.dispatch()) == 1


def test_no_second_push_on_the_connection_that_got_one(world: World) -> None:
    device = world.make_device("dev0")
    world.make_job(world.make_package())
    world.connect(device)
    world.say_version(device, "1.0.0")
    assert len(world.dispatch()) == 1
    world.now += 1_000
    world.say_version(device, "1.0.0")
    world.say_progress(device, 5)
    world.say_version(device, "1.0.0")
    assert world.dispatch() == []


def test_a_new_connection_is_pushed_to_again_also_in_the_middle_of_an_update(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.connect(device, "c1")
    world.say_version(device, "1.0.0")
    world.dispatch()
    world.say_progress(device, 40)
    world.now += 1_000
    world.connect(device, "c2")
    world.say_version(device, "1.0.0")
    assert len(world.dispatch()) == 1
    assert world.state(job, device) is TaskStatus.IN_PROGRESS


def test_a_device_that_comes_back_updated_is_not_pushed_to(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.connect(device, "c1")
    world.say_version(device, "1.0.0")
    world.dispatch()
    world.now += 1_000
    world.connect(device, "c2")
    world.say_version(device, "2.0.0")
    world.now += 60_000
    assert world.dispatch() == []
    assert world.state(job, device) is TaskStatus.SUCCEEDED


def test_a_push_that_did_not_arrive_leaves_the_task_queued(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package())
    world.connect(device)
    world.say_version(device, "1.0.0")
    [notice] = world.dispatch()
    assert world.state(job, device) is TaskStatus.NOTIFIED
    assert notice.task_id is not None
    world.report(NoticeUndelivered(device.id, notice.task_id, world.now))
    assert world.state(job, device) is TaskStatus.QUEUED


def test_without_push_only_the_device_s_question_is_answered(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package(), need_push=False)
    world.connect(device)
    world.say_version(device, "1.0.0")
    world.now += 60_000
    assert world.dispatch() == []
    request = PackageRequested(device.id, PullForm.GET, '"7"', None, None, world.now)
    [answer] = world.report(request)
    assert answer.kind is NoticeKind.GET_REPLY
    message = json.loads(answer.payload)
    assert (message["id"], message["code"], message["data"]["version"]) == ("7", 200, "2.0.0")
    assert world.state(job, device) is TaskStatus.NOTIFIED


def test_the_older_question_is_answered_in_the_form_of_a_push_with_its_number(world: World) -> None:
    device = world.make_device("dev0", version=None)
    [answer] = world.report(PackageRequested(device.id, PullForm.REQUEST, "3", None, "1.0.0", world.now))
    assert answer.kind is NoticeKind.REQUEST_REPLY
    assert json.loads(answer.payload) == {"code": "1000", "data": {}, "id": 3, "message": "success"}
    assert device_statements.module_version(world.tx, device.id, "default") == "1.0.0"
    world.make_job(world.make_package())
    [answer] = world.report(PackageRequested(device.id, PullForm.REQUEST, "4", None, "1.0.0", world.now))
    assert json.loads(answer.payload)["data"]["version"] == "2.0.0"


def test_a_task_that_waits_for_confirmation_is_not_offered(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_job(world.make_package(), need_confirm=True)
    world.connect(device)
    world.say_version(device, "1.0.0")
    [answer] = world.report(PackageRequested(device.id, PullForm.GET, "1", None, None, world.now))
    assert json.loads(answer.payload)["data"] == {}
    assert world.dispatch() == []
    assert world.state(job, device) is TaskStatus.CONFIRM


def test_a_differential_package_is_not_pushed_to_a_foreign_version(world: World) -> None:
    device = world.make_device("dev0")
    world.make_job(world.make_package(type=1, src_version="1.0.0"))
    world.say_version(device, "0.9.0")
    world.connect(device)
    world.say_version(device, "0.9.0")
    assert world.dispatch() == []


def test_a_foreign_version_takes_back_the_push_of_a_differential_package_that_was_due(world: World) -> None:
    device = world.make_device("dev0")
    world.make_job(world.make_package(type=1, src_version="1.0.0"))
    world.connect(device)
    world.say_version(device, "0.9.0")
    world.now += 600_000
    assert world.dispatch() == []
