"""CancelOTATaskByDevice (control-plane reference §6.5; §12, 2 and 3)."""

from collections.abc import Sequence

import pytest
from sqlalchemy import select

from skyferry.errors import ApiError
from skyferry.ota.cancel import CancelScope, cancel_by_device
from skyferry.ota.states import TaskStatus
from skyferry.store import jobs as job_statements
from skyferry.store.jobs import JobRecord
from skyferry.store.tables import tasks
from tests.support.rows import World


def cancel(
    world: World,
    firmware_id: str,
    names: Sequence[str],
    *,
    job_id: str | None = None,
    scope: CancelScope = CancelScope.PENDING,
) -> int:
    canceled = cancel_by_device(
        world.tx,
        instance_id=world.instance.id,
        product_key=world.product.product_key,
        firmware_id=firmware_id,
        device_names=names,
        job_id=job_id,
        scope=scope,
        now=world.now,
    )
    return len(canceled)


def code(caught: pytest.ExceptionInfo[ApiError]) -> str:
    return caught.value.kind.code


def status(world: World, job: JobRecord) -> str:
    found = job_statements.by_id(world.tx, job.id)
    assert found is not None
    return found.status


def test_pending_tasks_are_cancelled_and_others_of_the_list_do_not_hinder(world: World) -> None:
    devices = [world.make_device(f"dev{number}") for number in range(4)]
    package = world.make_package()
    job = world.make_job(package)
    world.connect(devices[1])
    world.say_version(devices[1], "1.0.0")
    world.dispatch()
    world.say_progress(devices[2], 10)
    world.say_version(devices[3], "2.0.0")

    assert cancel(world, package, ["dev0", "dev1", "dev2", "dev3", "unknown"]) == 2

    assert world.states(job) == {
        devices[0].id: TaskStatus.CANCELED,
        devices[1].id: TaskStatus.CANCELED,
        devices[2].id: TaskStatus.IN_PROGRESS,
        devices[3].id: TaskStatus.SUCCEEDED,
    }
    assert status(world, job) == "IN_PROGRESS"


def test_a_task_that_waits_for_confirmation_is_pending(world: World) -> None:
    device = world.make_device("dev0")
    package = world.make_package()
    job = world.make_job(package, need_confirm=True)
    assert world.state(job, device) is TaskStatus.CONFIRM
    assert cancel(world, package, ["dev0"]) == 1
    assert world.state(job, device) is TaskStatus.CANCELED


def test_the_job_is_complete_when_the_last_open_task_is_cancelled(world: World) -> None:
    world.make_device("dev0")
    package = world.make_package()
    job = world.make_job(package)
    cancel(world, package, ["dev0"])
    assert status(world, job) == "COMPLETED"


def test_a_running_update_is_not_cancelled_by_default_and_is_by_the_later_rule(world: World) -> None:
    device = world.make_device("dev0")
    package = world.make_package()
    job = world.make_job(package)
    world.say_progress(device, 10)
    with pytest.raises(ApiError) as caught:
        cancel(world, package, ["dev0"])
    assert code(caught) == "iot.firmware.IncorrectDeviceUpgradeJobStatus"
    assert world.state(job, device) is TaskStatus.IN_PROGRESS
    assert cancel(world, package, ["dev0"], scope=CancelScope.OPEN) == 1


def test_an_ended_task_is_not_changed(world: World) -> None:
    device = world.make_device("dev0")
    package = world.make_package()
    world.make_job(package)
    world.say_version(device, "2.0.0")
    with pytest.raises(ApiError) as caught:
        cancel(world, package, ["dev0"], scope=CancelScope.OPEN)
    assert code(caught) == "iot.firmware.IncorrectDeviceUpgradeJobStatus"


def test_devices_without_a_task_of_the_package_have_nothing_to_cancel(world: World) -> None:
    world.make_device("dev0")
    world.make_job(world.make_package("3.0.0"))
    other = world.make_package("2.0.0")
    for names in (["dev0"], ["unknown"], ["dev0", "unknown"]):
        with pytest.raises(ApiError) as caught:
            cancel(world, other, names)
        assert code(caught) == "iot.firmware.DeviceUpgradeRecordNotFound"


def test_a_job_narrows_the_call(world: World) -> None:
    first_device, second_device = world.make_device("dev0"), world.make_device("dev1")
    package = world.make_package()
    first, second = world.make_job(package, ["dev0"]), world.make_job(package, ["dev1"])
    assert cancel(world, package, ["dev0", "dev1"], job_id=second.job_id) == 1
    assert world.state(first, first_device) is TaskStatus.QUEUED
    assert world.state(second, second_device) is TaskStatus.CANCELED


def test_an_unknown_job_or_one_of_another_package_is_refused(world: World) -> None:
    world.make_device("dev0")
    package, other = world.make_package("2.0.0"), world.make_package("3.0.0")
    job = world.make_job(other)
    for job_id in (job.job_id, "unknown"):
        with pytest.raises(ApiError) as caught:
            cancel(world, package, ["dev0"], job_id=job_id)
        assert code(caught) == "iot.firmware.InvalidOTAJobId"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "iot.firmware.ParameterSizeExceedMax"),
        ([f"device-{number}" for number in range(201)], "iot.firmware.ParameterSizeExceedMax"),
        (["dev0", "dev0"], "iot.common.InvalidFormattedParameter"),
    ],
)
def test_a_list_has_1_to_200_different_names(world: World, names: list[str], expected: str) -> None:
    world.make_device("dev0")
    package = world.make_package()
    job = world.make_job(package)
    with pytest.raises(ApiError) as caught:
        cancel(world, package, names)
    assert code(caught) == expected
    assert set(world.states(job).values()) == {TaskStatus.QUEUED}


def test_200_names_are_cancelled_at_once(world: World) -> None:
    names = [f"device-{number}" for number in range(200)]
    for name in names:
        world.make_device(name)
    package = world.make_package()
    job = world.make_job(package)
    assert cancel(world, package, names) == 200
    assert set(world.states(job).values()) == {TaskStatus.CANCELED}


def test_cancelling_a_verification_leaves_the_package_unverified(world: World) -> None:
    world.make_device("dev0")
    package = world.make_package(need_to_verify=True)
    world.make_verify_job(package, ["dev0"])
    cancel(world, package, ["dev0"])
    with pytest.raises(ApiError) as caught:
        world.make_job(package)
    assert code(caught) == "iot.firmware.FirmwareNotVerified"


def test_a_device_of_the_same_name_in_another_product_is_left_alone(world: World) -> None:
    world.make_device("dev0")
    package = world.make_package()
    world.make_job(package)
    own = world.product
    world.product = world.make_product("product_2")
    with pytest.raises(ApiError) as caught:
        cancel(world, package, ["dev0"])
    assert code(caught) == "iot.firmware.FirmwareAndProductKeyMismatch"
    world.product = own
    assert cancel(world, package, ["dev0"]) == 1


def test_a_cancelled_task_waits_for_no_retry(world: World) -> None:
    device = world.make_device("dev0")
    package = world.make_package()
    job = world.make_job(package, retry_interval_minutes=10, retry_count=1)
    world.connect(device)
    world.say_version(device, "1.0.0")
    world.dispatch()
    world.say_progress(device, -1)
    assert world.dues(job) == [world.now + 600_000]
    cancel(world, package, ["dev0"])
    assert world.dues(job) == [None]
    assert world.tx.execute(select(tasks.c.retry_at)).scalars().all() == [None]
