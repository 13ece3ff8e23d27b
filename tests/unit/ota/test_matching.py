"""Dynamic jobs (control-plane reference §5.7, dynamic rules; §6.10)."""

import dataclasses

import pytest

from skyferry.errors import ApiError
from skyferry.ota.jobs import FUTURE
from skyferry.ota.states import JobStatus, TaskStatus
from skyferry.store.jobs import JobRecord
from tests.support.rows import World


def states(world: World, job: JobRecord) -> list[TaskStatus]:
    return [TaskStatus(task.status) for task in world.tasks(job)]


def refused(world: World, firmware: str, **values: object) -> str:
    with pytest.raises(ApiError) as error:
        world.make_dynamic(firmware, **values)  # type: ignore[arg-type]
    return error.value.kind.code.removeprefix("iot.firmware.")


def test_mode_1_takes_devices_that_match_now_and_later(world: World) -> None:
    present = world.make_device("present")
    job = world.make_dynamic(world.make_package())
    later = world.make_device("later")
    other = world.make_device("other", version="0.9.0")
    assert world.states(job) == {present.id: TaskStatus.QUEUED, later.id: TaskStatus.QUEUED}
    world.say_version(other, "1.0.0")
    assert world.state(job, other) is TaskStatus.QUEUED


def test_mode_2_takes_only_devices_that_report_afterwards(world: World) -> None:
    world.make_device("silent")
    speaking = world.make_device("speaking")
    job = world.make_dynamic(world.make_package(), dynamic_mode=FUTURE)
    assert world.states(job) == {}
    world.say_version(speaking, "1.0.0")
    assert world.states(job) == {speaking.id: TaskStatus.QUEUED}


def test_a_matched_device_that_is_online_is_pushed_to(world: World) -> None:
    device = world.make_device("dev0", version=None)
    world.make_dynamic(world.make_package())
    world.connect(device)
    world.say_version(device, "1.0.0")
    assert [notice.device_id for notice in world.dispatch()] == [device.id]


def test_the_job_made_last_wins(world: World) -> None:
    older = world.make_dynamic(world.make_package("2.0.0"), dynamic_mode=FUTURE)
    newer = world.make_dynamic(world.make_package("3.0.0"), dynamic_mode=FUTURE)
    device = world.make_device("dev0")
    assert (states(world, older), states(world, newer)) == ([], [TaskStatus.QUEUED])
    world.say_version(device, "3.0.0")
    assert (states(world, older), states(world, newer)) == ([], [TaskStatus.SUCCEEDED])


def test_a_device_is_matched_ten_times_at_most(world: World) -> None:
    world.limits = dataclasses.replace(world.limits, push_backoff_ms=0)
    device = world.make_device("dev0", version=None)
    job = world.make_dynamic(world.make_package())
    for _ in range(12):
        world.say_version(device, "1.0.0")
        world.say_progress(device, -1)
    assert states(world, job) == [TaskStatus.FAILED] * 10
    world.make_device("dev1")
    assert states(world, job)[-1] is TaskStatus.QUEUED


def test_a_report_makes_no_second_task_while_one_is_open(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_dynamic(world.make_package())
    world.say_version(device, "1.0.0")
    world.say_version(device, "1.0.0")
    assert states(world, job) == [TaskStatus.QUEUED]


def test_a_device_that_is_busy_waits_for_its_next_report(world: World) -> None:
    device = world.make_device("dev0")
    static = world.make_job(world.make_package("3.0.0"))
    job = world.make_dynamic(world.make_package(), dynamic_mode=FUTURE)
    world.say_version(device, "1.0.0")
    assert states(world, job) == []
    world.say_progress(device, -1)
    assert states(world, static) == [TaskStatus.FAILED]
    world.say_version(device, "1.0.0")
    assert states(world, job) == [TaskStatus.QUEUED]


def test_a_report_replaces_the_waiting_task_of_an_older_job_only_when_told_to(world: World) -> None:
    device = world.make_device("dev0")
    older = world.make_job(world.make_package("3.0.0"))
    job = world.make_dynamic(world.make_package(), dynamic_mode=FUTURE, overwrite_mode=2)
    world.say_version(device, "1.0.0")
    assert (states(world, older), states(world, job)) == ([TaskStatus.CANCELED], [TaskStatus.QUEUED])
    younger = world.make_job(world.make_package("4.0.0"), overwrite_mode=2)
    world.say_version(device, "1.0.0")
    assert (states(world, job), states(world, younger)) == ([TaskStatus.CANCELED], [TaskStatus.QUEUED])


@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_modules_are_matched_by_themselves(world: World) -> None:
    world.make_module("mcu")
    device = world.make_device("dev0")
    job = world.make_dynamic(world.make_package(module="mcu"))
    world.say_version(device, "1.0.0")
    assert states(world, job) == []
    world.say_version(device, "1.0.0", "mcu")
    assert states(world, job) == [TaskStatus.QUEUED]


def test_devices_of_another_product_are_not_matched(world: World) -> None:
    job = world.make_dynamic(world.make_package())
    world.product = world.make_product("product_2")
    world.make_device("dev0")
    assert states(world, job) == []


def test_one_package_has_one_running_dynamic_job(world: World) -> None:
    firmware = world.make_package()
    world.make_dynamic(firmware)
    assert refused(world, firmware, src_versions=["0.9.0"]) == "InProgressDynamicJobExisted"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"src_versions": []}, "NullSrcVersions"),
        ({"src_versions": ["2.0.0"]}, "SrcDestVersionMatched"),
        ({"src_versions": [f"1.{n}" for n in range(11)]}, "SrcVersionsSizeExceedMax"),
        ({"dynamic_mode": 3}, "InvalidDynamicMode"),
        ({"group_id": "g", "group_type": "LINK_PLATFORM_DYNAMIC"}, "SrcVersionsNotAllowed"),
        ({"src_versions": [], "group_id": "g", "group_type": "LINK_PLATFORM_DYNAMIC"}, "iot.group.NotExistedGroup"),
        ({"src_versions": [], "group_id": "g"}, "iot.common.InvalidFormattedParameter"),
    ],
)
def test_a_bad_value_has_its_code(world: World, values: dict[str, object], code: str) -> None:
    assert refused(world, world.make_package(), **values) == code


@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_a_dynamic_job_does_not_complete_by_itself(world: World) -> None:
    device = world.make_device("dev0")
    job = world.make_dynamic(world.make_package())
    world.say_version(device, "2.0.0")
    assert states(world, job) == [TaskStatus.SUCCEEDED]
    assert world.job(job).status == JobStatus.IN_PROGRESS


@pytest.mark.rule("CreateOTADynamicUpgradeJob")
def test_nobody_to_update_now_is_no_error(world: World) -> None:
    assert world.make_dynamic(world.make_package()).status == JobStatus.IN_PROGRESS
