"""Removing devices (control-plane reference §9.3; §12, 23)."""

import pytest
from sqlalchemy import func, insert, select

from skyferry.errors import ApiError
from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference
from skyferry.ota import jobs, packages, removal
from skyferry.ota.states import JobStatus, PackageStatus, TaskStatus
from skyferry.store.devices import DeviceRecord
from skyferry.store.tables import device_tags, module_versions, task_history, tasks
from tests.support.rows import World


def remove(world: World, device: DeviceRecord) -> None:
    reference = DeviceReference(device.iot_id, None, None)
    assert removal.remove_device(world.tx, world.instance.id, reference, now=world.now) == device.id


def test_nothing_is_left_of_a_device(world: World) -> None:
    device, other = world.make_device("dev1"), world.make_device("dev2")
    for kept in (device, other):
        world.tx.execute(
            insert(device_tags).values(device_id=kept.id, key="k", value="v", instance_id=world.instance.id)
        )
    job = world.make_job(world.make_package(), ["dev1", "dev2"])
    remove(world, device)
    for table in (device_tags, module_versions, tasks):
        assert world.tx.execute(select(table.c.device_id)).scalars().all() == [other.id]
    assert world.tx.execute(select(func.count()).select_from(task_history)).scalar_one() == 0
    assert set(world.states(job)) == {other.id}
    with pytest.raises(ApiError) as caught:
        devices.find(world.tx, world.instance.id, DeviceReference(device.iot_id, None, None))
    assert caught.value.kind.code == "iot.device.InvalidIoTId"


def test_a_job_does_not_wait_for_a_device_that_was_removed(world: World) -> None:
    device, other = world.make_device("dev1"), world.make_device("dev2")
    job = world.make_job(world.make_package(), ["dev1", "dev2"])
    remove(world, device)
    assert jobs.find(world.tx, world.instance.id, job.job_id).status == JobStatus.IN_PROGRESS
    world.say_version(other, "2.0.0")
    assert world.state(job, other) is TaskStatus.SUCCEEDED
    assert jobs.find(world.tx, world.instance.id, job.job_id).status == JobStatus.COMPLETED


def test_a_job_for_a_removed_device_alone_ends(world: World) -> None:
    device = world.make_device("dev1")
    job = world.make_job(world.make_package(), ["dev1"])
    world.say_progress(device, 10)
    remove(world, device)
    assert jobs.find(world.tx, world.instance.id, job.job_id).status == JobStatus.COMPLETED


def test_a_verification_by_a_removed_device_has_failed(world: World) -> None:
    device = world.make_device("dev1")
    firmware = world.make_package(need_to_verify=True)
    world.make_verify_job(firmware, ["dev1"])
    remove(world, device)
    package = packages.find(world.tx, world.instance.id, firmware)
    assert package.status == PackageStatus.FAILED


@pytest.mark.parametrize("begun", [True, False])
def test_a_verification_that_lost_a_device_fails_whatever_the_others_do(world: World, *, begun: bool) -> None:
    lost, other = world.make_device("dev1"), world.make_device("dev2")
    firmware = world.make_package(need_to_verify=True)
    world.make_verify_job(firmware, ["dev1", "dev2"])
    if begun:
        world.say_progress(lost, -1)
    remove(world, lost)
    with pytest.raises(ApiError) as running:
        world.make_verify_job(firmware, ["dev2"])
    assert running.value.kind.code == "iot.firmware.InProgressVerifyJobExisted"
    world.say_version(other, "2.0.0")
    assert packages.find(world.tx, world.instance.id, firmware).status == PackageStatus.FAILED


def test_a_device_that_has_verified_a_package_may_go(world: World) -> None:
    done, other = world.make_device("dev1"), world.make_device("dev2")
    firmware = world.make_package(need_to_verify=True)
    world.make_verify_job(firmware, ["dev1", "dev2"])
    world.say_version(done, "2.0.0")
    remove(world, done)
    assert packages.find(world.tx, world.instance.id, firmware).status == PackageStatus.VERIFYING
    world.say_version(other, "2.0.0")
    assert packages.find(world.tx, world.instance.id, firmware).status == PackageStatus.VERIFIED


def test_a_device_of_another_instance_is_not_removed(world: World) -> None:
    device = world.make_device("dev1")
    with pytest.raises(ApiError) as caught:
        removal.remove_device(
            world.tx, world.instance.id + 1, DeviceReference(device.iot_id, None, None), now=world.now
        )
    assert caught.value.kind.code == "iot.device.InvalidIoTId"


def test_the_key_of_a_task_is_never_given_to_another(world: World) -> None:
    """Messages to the business server, download URLs and hawkBit's devices name it: a new task must not be mistaken."""
    job = world.make_dynamic(world.make_package())
    gone = world.make_device("gone")
    [before] = world.task_ids(job)
    remove(world, gone)
    world.make_device("next")

    assert world.task_ids(job) != [before]
