"""Jobs for the devices of a list file (control-plane reference §3.2, §5.7; §12, 10)."""

import pytest

from skyferry.errors import ApiError
from skyferry.objects.urls import object_key_of
from skyferry.ota import listing, namelist
from skyferry.ota.models import NameList
from skyferry.ota.states import JobStatus, TaskStatus
from skyferry.store import jobs as job_statements
from skyferry.store.jobs import JobRecord
from tests.support.rows import World


def job_for(world: World, data: bytes, firmware: str | None = None, **values: object) -> JobRecord:
    """A job for the devices of a list file, its first portion of names worked off."""
    key = object_key_of(world.make_object(size=len(data)))
    assert key is not None
    given = NameList(key, len(data), data[: namelist.PORTION_BYTES])
    return world.make_static(firmware or world.make_package(), target_selection="SPECIFIC", name_list=given, **values)


def work_off(world: World, job: JobRecord, data: bytes) -> int:
    """The rest of the names, as the worker does it; tells how many portions that took."""
    portions = 0
    while (selecting := job_statements.next_selecting(world.tx)) is not None:
        assert selecting.list_key is not None
        begin = selecting.selected_up_to
        listing.select_listed(world.tx, selecting, data[begin : begin + 64], world.limits, world.now)
        portions += 1
    assert world.job(job).list_key is None
    return portions


def test_named_devices_get_their_task_and_others_are_skipped_or_counted(world: World) -> None:
    named = world.make_device("dev0")
    world.make_device("not-named")
    world.make_device("updated", version="2.0.0")
    world.make_device("silent", version=None)
    job = job_for(world, b"dev0\r\nupdated,silent,nobody\nnobody-2\n")
    assert world.states(job) == {named.id: TaskStatus.QUEUED}
    done = world.job(job)
    assert (done.unknown_names, done.unknown_sample) == (2, ["nobody", "nobody-2"])


def test_a_name_given_twice_is_one_task(world: World) -> None:
    names = ["dev0", "dev1", "dev0"] * 20
    world.make_device("dev0")
    world.make_device("dev1")
    world.in_portions_of(5)
    data = "\n".join(names).encode()
    job = job_for(world, data)
    work_off(world, job, data)
    assert len(world.tasks(job)) == 2


def test_a_long_list_is_worked_off_in_portions_from_where_the_last_ended(world: World) -> None:
    names = [f"dev{number:04}" for number in range(40)]
    devices = [world.make_device(name) for name in names]
    data = "\n".join(names).encode()
    world.in_portions_of(6)
    job = job_for(world, data)
    assert len(world.states(job)) == 6
    assert work_off(world, job, data) == 6
    assert set(world.states(job)) == {device.id for device in devices}
    assert world.job(job).selected_up_to == len(data)


def test_a_job_is_not_complete_before_its_list_is_worked_off(world: World) -> None:
    first, second = world.make_device("dev0"), world.make_device("dev1")
    data = b"dev0\n" + b"\n" * 100 + b"dev1"
    world.in_portions_of(1)
    job = job_for(world, data)
    world.say_version(first, "2.0.0")
    assert world.job(job).status == JobStatus.IN_PROGRESS
    work_off(world, job, data)
    world.say_version(second, "2.0.0")
    assert world.job(job).status == JobStatus.COMPLETED


def test_a_list_of_nobody_is_refused(world: World) -> None:
    world.make_device("updated", version="2.0.0")
    with pytest.raises(ApiError) as refused:
        job_for(world, b"updated\nnobody")
    assert refused.value.kind.code == "iot.firmware.NoDeviceCanUpgrade"


def test_a_differential_package_skips_devices_with_another_version(world: World) -> None:
    right = world.make_device("dev0")
    world.make_device("dev1", version="0.9.0")
    job = job_for(world, b"dev0,dev1", world.make_package(type=1, src_version="1.0.0"))
    assert set(world.states(job)) == {right.id}


def test_a_list_of_a_planned_job_is_worked_off_before_its_start(world: World) -> None:
    names = [f"dev{number}" for number in range(5)]
    for name in names:
        world.make_device(name)
    data = ",".join(names).encode()
    world.in_portions_of(2)
    job = job_for(world, data, schedule_at=world.now + 600_000)
    work_off(world, job, data)
    assert (world.job(job).status, len(world.states(job))) == (JobStatus.PLANNED, 5)


def test_a_job_whose_list_is_gone_goes_on_with_what_it_has(world: World) -> None:
    device = world.make_device("dev0")
    world.make_device("dev1")
    world.in_portions_of(1)
    job = job_for(world, b"dev0,dev1")
    listing.give_up(world.tx, world.job(job), world.now)
    assert job_statements.next_selecting(world.tx) is None
    world.say_version(device, "2.0.0")
    assert world.job(job).status == JobStatus.COMPLETED


@pytest.mark.rule("CreateOTAStaticUpgradeJob")
def test_names_and_a_list_are_not_given_together(world: World) -> None:
    world.make_device("dev0")
    with pytest.raises(ApiError) as refused:
        job_for(world, b"dev0", device_names=["dev0"])
    assert refused.value.kind.code == "iot.firmware.TargetDeviceNamesNotAllowed"
