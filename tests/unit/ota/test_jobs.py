"""Jobs: who gets a task, and in which state it begins (control-plane reference §5.6, §5.7, §6.10)."""

from typing import Any

import pytest

from skyferry.errors import ApiError
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import TaskStatus
from skyferry.store import jobs as job_statements
from tests.support.rows import World


def code(caught: pytest.ExceptionInfo[ApiError]) -> str:
    return caught.value.kind.code


def test_all_leaves_out_devices_at_the_target_and_devices_that_never_reported(world: World) -> None:
    old = world.make_device("dev-old")
    world.make_device("dev-new", version="2.0.0")
    world.make_device("dev-silent", version=None)
    world.make_device("dev-module", module="mcu")
    job = world.make_job(world.make_package())
    assert world.states(job) == {old.id: TaskStatus.QUEUED}


def test_source_versions_narrow_the_selection(world: World) -> None:
    device = world.make_device("dev1", version="1.1.0")
    world.make_device("dev2", version="1.2.0")
    job = world.make_job(world.make_package(), src_versions=["1.1.0", "1.0.9"])
    assert set(world.states(job)) == {device.id}


def test_a_differential_package_is_for_its_source_version_only(world: World) -> None:
    device = world.make_device("dev1", version="1.1.0")
    world.make_device("dev2", version="1.2.0")
    package = world.make_package(type=1, src_version="1.1.0")
    assert set(world.states(world.make_job(package))) == {device.id}
    with pytest.raises(ApiError) as caught:
        world.make_job(package, ["dev2"])
    assert code(caught) == "iot.firmware.SrcVersionMismatch"
    with pytest.raises(ApiError) as caught:
        world.make_job(package, src_versions=["1.2.0"])
    assert code(caught) == "iot.firmware.UpgradeSrcVersionMismatch"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dev-none", "iot.device.NotExistedDevice"),
        ("dev-new", "iot.firmware.DeviceWithDestinationVersionInArray"),
        ("dev-silent", "iot.firmware.NonVersionedDeviceInArray"),
    ],
)
def test_a_named_device_that_cannot_be_updated_refuses_the_job(world: World, name: str, expected: str) -> None:
    world.make_device("dev-old")
    world.make_device("dev-new", version="2.0.0")
    world.make_device("dev-silent", version=None)
    package = world.make_package()
    with pytest.raises(ApiError) as caught:
        world.make_job(package, ["dev-old", name])
    assert code(caught) == expected
    assert name in caught.value.text


def test_a_selection_without_devices_is_refused(world: World) -> None:
    world.make_device("dev-new", version="2.0.0")
    with pytest.raises(ApiError) as caught:
        world.make_job(world.make_package())
    assert code(caught) == "iot.firmware.NoDeviceCanUpgrade"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"timeout_minutes": 0}, "iot.firmware.InvalidTimeoutSetting"),
        ({"timeout_minutes": 1_441}, "iot.firmware.InvalidTimeoutSetting"),
        ({"maximum_per_minute": 9}, "iot.firmware.InvalidMaximumPerMinute"),
        ({"maximum_per_minute": 10_001}, "iot.firmware.InvalidMaximumPerMinute"),
        ({"overwrite_mode": 3}, "iot.firmware.InvalidOverwriteMode"),
        ({"overwrite_mode": 2, "multi_module": True}, "iot.firmware.InvalidOverwriteMode"),
        ({"tags": {"a b": "c"}}, "iot.common.InvalidFormattedParameter"),
        ({"tags": {"a": ""}}, "iot.common.InvalidFormattedParameter"),
        ({"tags": {f"k{number}": "v" for number in range(11)}}, "iot.common.InvalidFormattedParameter"),
        ({"tags": {f"k{number}": "v" * 1_024 for number in range(4)}}, "iot.common.InvalidFormattedParameter"),
        ({"download_protocol": "FTP"}, "iot.common.InvalidFormattedParameter"),
    ],
)
def test_options_out_of_range_are_refused(world: World, options: dict[str, Any], expected: str) -> None:
    world.make_device("dev0")
    package = world.make_package()
    with pytest.raises(ApiError) as caught:
        world.make_job(package, **options)
    assert code(caught) == expected


def test_a_second_job_fails_at_once_for_a_device_that_is_waiting(world: World) -> None:
    device = world.make_device("dev0")
    first = world.make_job(world.make_package("2.0.0"))
    second = world.make_job(world.make_package("3.0.0"))
    assert world.state(first, device) is TaskStatus.QUEUED
    assert world.state(second, device) is TaskStatus.FAILED
    ended = job_statements.by_id(world.tx, second.id)
    assert ended is not None
    assert ended.status == "COMPLETED"


def test_overwriting_replaces_what_waits_and_ends_its_job(world: World) -> None:
    device = world.make_device("dev0")
    first = world.make_job(world.make_package("2.0.0"))
    second = world.make_job(world.make_package("3.0.0"), overwrite_mode=2)
    assert world.state(first, device) is TaskStatus.CANCELED
    assert world.state(second, device) is TaskStatus.QUEUED
    ended = job_statements.by_id(world.tx, first.id)
    assert ended is not None
    assert ended.status == "COMPLETED"


def test_an_update_that_runs_is_never_overwritten(world: World) -> None:
    device = world.make_device("dev0")
    first = world.make_job(world.make_package("2.0.0"))
    world.say_progress(device, 5)
    second = world.make_job(world.make_package("3.0.0"), overwrite_mode=2)
    assert world.state(first, device) is TaskStatus.IN_PROGRESS
    assert world.state(second, device) is TaskStatus.FAILED


def test_nothing_is_replaced_for_a_job_that_another_module_s_update_blocks(world: World) -> None:
    device = world.make_device("dev0")
    world.say_version(device, "1.0.0", module="mcu")
    running = world.make_job(world.make_package("2.0.0"), multi_module=True)
    waiting = world.make_job(world.make_package("2.1.0", module="mcu"), multi_module=True)
    world.say_progress(device, 5, module="default")
    blocked = world.make_job(world.make_package("3.0.0"), overwrite_mode=2)
    assert world.state(running, device) is TaskStatus.IN_PROGRESS
    assert world.state(waiting, device) is TaskStatus.QUEUED
    assert world.state(blocked, device) is TaskStatus.FAILED


def test_modules_are_updated_side_by_side_in_multi_module_mode_only(world: World) -> None:
    device = world.make_device("dev0")
    world.say_version(device, "1.0.0", module="mcu")
    default = world.make_job(world.make_package("2.0.0"))
    alone = world.make_job(world.make_package("2.1.0", module="mcu"))
    beside = world.make_job(world.make_package("2.2.0", module="mcu"), multi_module=True)
    assert world.state(default, device) is TaskStatus.QUEUED
    assert world.state(alone, device) is TaskStatus.FAILED
    assert world.state(beside, device) is TaskStatus.QUEUED
    later = world.make_job(world.make_package("2.3.0", module="mcu"), multi_module=True)
    assert world.state(beside, device) is TaskStatus.CANCELED
    assert world.state(later, device) is TaskStatus.QUEUED
    assert world.state(default, device) is TaskStatus.QUEUED


def test_a_large_selection_is_worked_off_in_portions_and_holds_the_devices_of_its_creation(world: World) -> None:
    world.limits = EngineLimits(chunk_devices=3, push_jitter_ms=0)
    devices = [world.make_device(f"dev{number}") for number in range(8)]
    job = world.make_job(world.make_package())
    assert len(world.states(job)) == 3
    world.make_device("dev-late")
    portions = 0
    while world.select_portion():
        portions += 1
    assert portions == 2
    assert set(world.states(job)) == {device.id for device in devices}


def test_a_job_is_not_complete_while_devices_wait_for_their_task(world: World) -> None:
    world.limits = EngineLimits(chunk_devices=1, push_jitter_ms=0)
    first = world.make_device("dev0")
    second = world.make_device("dev1")
    job = world.make_job(world.make_package())
    world.say_version(first, "2.0.0")
    unfinished = job_statements.by_id(world.tx, job.id)
    assert unfinished is not None
    assert unfinished.status == "IN_PROGRESS"
    while world.select_portion():
        pass
    world.say_version(second, "2.0.0")
    finished = job_statements.by_id(world.tx, job.id)
    assert finished is not None
    assert finished.status == "COMPLETED"
    assert finished.ended_at == world.now


def test_a_package_is_verified_when_all_its_test_devices_succeed(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(2)]
    package = world.make_package(need_to_verify=True)
    with pytest.raises(ApiError) as caught:
        world.make_job(package)
    assert code(caught) == "iot.firmware.FirmwareNotVerified"
    world.make_verify_job(package, ["dev0", "dev1"])
    with pytest.raises(ApiError) as caught:
        world.make_verify_job(package, ["dev0"])
    assert code(caught) == "iot.firmware.InProgressVerifyJobExisted"
    for device in devices:
        world.say_version(device, "2.0.0")
    with pytest.raises(ApiError) as caught:
        world.make_verify_job(package, ["dev0"])
    assert code(caught) == "iot.firmware.VerifyFirmwareFailed"
    waiting = world.make_device("dev-next")
    assert world.state(world.make_job(package), waiting) is TaskStatus.QUEUED


def test_a_verification_with_a_failure_can_be_run_again(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(2)]
    package = world.make_package(need_to_verify=True)
    world.make_verify_job(package, ["dev0", "dev1"])
    world.say_progress(devices[0], -2)
    world.say_version(devices[1], "2.0.0")
    with pytest.raises(ApiError) as caught:
        world.make_job(package)
    assert code(caught) == "iot.firmware.FirmwareNotVerified"
    job = world.make_verify_job(package, ["dev0"])
    assert world.state(job, devices[0]) is TaskStatus.QUEUED
