"""Deleting packages and products, and what the worker removes afterwards (control-plane reference §12, 23)."""

from collections.abc import Callable

import pytest
from sqlalchemy import Table, func, select, update

from skyferry.bus.messages import Connected, DisconnectDevice
from skyferry.errors import ApiError
from skyferry.fleet import devices, products, registrations
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.logins import DeviceAddress, find_logins
from skyferry.ota import deletion, jobs, modules, packages, reports
from skyferry.ota.deletion import DeletionLimits, Portion
from skyferry.ota.models import NewFile
from skyferry.store import packages as package_statements
from skyferry.store import products as product_statements
from skyferry.store import tables
from skyferry.store.jobs import JobRecord
from tests.support.rows import START, World

OF_PRODUCTS = (tables.devices, tables.module_versions, tables.modules, tables.packages, tables.jobs, tables.tasks)


def delete_package(world: World, firmware_id: str) -> None:
    deletion.delete_package(world.tx, world.instance.id, firmware_id, now=world.now)


def delete_product(world: World) -> None:
    deletion.delete_product(world.tx, world.instance.id, world.product.product_key, now=world.now)


def remove_all(world: World, limits: DeletionLimits | None = None) -> list[Portion]:
    """What the worker does until nothing is left."""
    portions = []
    while (portion := deletion.remove_portion(world.tx, limits or DeletionLimits())).more:
        portions.append(portion)
    return portions


def count(world: World, table: Table) -> int:
    return world.tx.execute(select(func.count()).select_from(table)).scalar_one()


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value.kind.code


def ended_job(world: World, firmware_id: str, version: str = "2.0.0", devices: int = 1) -> JobRecord:
    """A job all of whose devices have the new version."""
    names = [f"dev{number}" for number in range(devices)]
    made = [world.make_device(name) for name in names]
    job = world.make_job(firmware_id, names)
    for device in made:
        world.say_version(device, version)
    return job


def test_a_deleted_package_is_found_by_nobody(world: World) -> None:
    firmware_id = world.make_package()
    job = ended_job(world, firmware_id)
    delete_package(world, firmware_id)

    assert code_of(lambda: packages.find(world.tx, world.instance.id, firmware_id)) == "iot.firmware.FirmwareNotFound"
    assert code_of(lambda: jobs.find(world.tx, world.instance.id, job.job_id)) == "iot.firmware.InvalidOTAJobId"
    assert code_of(lambda: delete_package(world, firmware_id)) == "iot.firmware.FirmwareNotFound"
    assert code_of(lambda: world.make_job(firmware_id)) == "iot.firmware.FirmwareNotFound"
    assert package_statements.count(world.tx, world.instance.id) == 0
    assert package_statements.page(world.tx, world.instance.id, offset=0, limit=10) == []


def test_a_deleted_package_gives_back_its_name_its_version_and_its_place(world: World) -> None:
    for _ in range(3):
        delete_package(world, world.make_package("2.0.0", name="same"))
    world.make_package("2.0.0", name="same")
    assert package_statements.count(world.tx, world.instance.id) == 1


def test_a_package_with_a_running_job_is_kept(world: World) -> None:
    firmware_id = world.make_package()
    device = world.make_device("dev0")
    job = world.make_job(firmware_id, ["dev0"])

    with pytest.raises(ApiError) as caught:
        delete_package(world, firmware_id)

    assert caught.value.kind.code == "iot.firmware.DeleteFirmwareFailure"
    assert job.job_id in caught.value.text
    world.say_version(device, "2.0.0")
    delete_package(world, firmware_id)


def test_a_job_that_has_not_begun_keeps_its_package(world: World) -> None:
    firmware_id = world.make_package()
    job = ended_job(world, firmware_id)
    world.tx.execute(update(tables.jobs).values(status="PLANNED", ended_at=None))

    assert code_of(lambda: delete_package(world, firmware_id)) == "iot.firmware.DeleteFirmwareFailure"
    assert jobs.find(world.tx, world.instance.id, job.job_id)


def test_an_open_task_of_an_ended_job_keeps_its_package(world: World) -> None:
    firmware_id = world.make_package()
    ended_job(world, firmware_id)
    world.tx.execute(update(tables.tasks).values(status=20))
    assert code_of(lambda: delete_package(world, firmware_id)) == "iot.firmware.DeleteFirmwareFailure"


def test_the_sentence_names_three_jobs_at_the_most(world: World) -> None:
    firmware_id = world.make_package()
    made = []
    for number in range(4):
        world.make_device(f"dev{number}")
        made.append(world.make_job(firmware_id, [f"dev{number}"]).job_id)

    with pytest.raises(ApiError) as caught:
        delete_package(world, firmware_id)

    assert [job_id in caught.value.text for job_id in made] == [True, True, True, False]


def test_the_worker_removes_a_package_with_its_jobs_tasks_and_files(world: World) -> None:
    firmware_id = world.make_package()
    ended_job(world, firmware_id)
    other = world.make_package("3.0.0")
    delete_package(world, firmware_id)

    removed = [item.key for portion in remove_all(world) for item in portion.objects]

    assert len(removed) == 1
    assert (count(world, tables.jobs), count(world, tables.tasks), count(world, tables.task_history)) == (0, 0, 0)
    assert (count(world, tables.packages), count(world, tables.package_files), count(world, tables.objects)) == (
        1,
        1,
        1,
    )
    assert packages.find(world.tx, world.instance.id, other)


def test_a_file_that_another_package_has_stays_until_that_one_goes(world: World) -> None:
    file = NewFile(url=world.make_object())
    first, second = world.make_package("2.0.0", file=file), world.make_package("3.0.0", file=file)

    delete_package(world, first)
    assert [item for portion in remove_all(world) for item in portion.objects] == []
    delete_package(world, second)
    assert len([item for portion in remove_all(world) for item in portion.objects]) == 1


def test_files_go_before_tasks(world: World) -> None:
    made = [world.make_package(f"2.0.{number}") for number in range(3)]
    ended_job(world, made[0], "2.0.0")
    for firmware_id in made:
        delete_package(world, firmware_id)

    portion = deletion.remove_portion(world.tx, DeletionLimits())

    assert len(portion.objects) == 3
    assert count(world, tables.tasks) == 1


def test_a_portion_is_bounded(world: World) -> None:
    firmware_id = world.make_package()
    ended_job(world, firmware_id, devices=5)
    delete_package(world, firmware_id)
    limits = DeletionLimits(tasks=2)

    left = []
    while deletion.remove_portion(world.tx, limits).more:
        left.append(count(world, tables.tasks))

    assert left == [5, 3, 1, 0, 0, 0]  # the file; the tasks; the job; the package


def test_a_list_file_goes_with_its_job(world: World) -> None:
    firmware_id = world.make_package()
    ended_job(world, firmware_id)
    key = world.make_object().partition("/objects/")[2]
    world.tx.execute(update(tables.jobs).values(list_key=key))
    delete_package(world, firmware_id)

    assert key in [item.key for portion in remove_all(world) for item in portion.objects]


def test_a_deleted_product_is_found_by_nobody(world: World) -> None:
    device = world.make_device("dev0")
    key = world.product.product_key
    delete_product(world)

    def find(reference: DeviceReference) -> object:
        return devices.find(world.tx, world.instance.id, reference)

    assert code_of(lambda: products.find(world.tx, world.instance.id, key)) == "iot.prod.NotExistedProduct"
    assert code_of(lambda: delete_product(world)) == "iot.prod.NotExistedProduct"
    assert code_of(lambda: find(DeviceReference(device.iot_id, None, None))) == "iot.device.InvalidIoTId"
    assert code_of(lambda: find(DeviceReference(None, key, "dev0"))) == "iot.prod.NotExistedProduct"
    assert find_logins(world.tx, [DeviceAddress(key, "dev0")], world.box) == [None]
    assert product_statements.count(world.tx, world.instance.id) == 0
    assert product_statements.count_of_account(world.tx, world.instance.account_id) == 0
    assert product_statements.page(world.tx, world.instance.id, offset=0, limit=10) == []


def test_a_deleted_product_gives_back_its_name_and_the_names_of_its_packages(world: World) -> None:
    world.make_package(name="same")
    delete_product(world)
    world.product = world.make_product("product_1")
    world.make_package(name="same")


def test_a_product_with_a_running_job_is_kept(world: World) -> None:
    world.make_device("dev0")
    job = world.make_job(world.make_package(), ["dev0"])

    with pytest.raises(ApiError) as caught:
        delete_product(world)

    assert caught.value.kind.code == "iot.prod.DeleteProductFailed"
    assert job.job_id in caught.value.text


def test_the_worker_removes_everything_of_a_product(world: World) -> None:
    firmware_id = world.make_package(module="MCU")
    world.make_device("dev0", module="MCU")
    world.make_job(firmware_id, ["dev0"])
    world.cancel(firmware_id, ["dev0"])
    registrations.start(world.tx, world.product, 3, now=world.now)
    registrations.continue_next(world.tx, box=world.box, now=world.now, most=3)
    kept, world.product = world.product, world.make_product("product_2")
    neighbour = world.make_device("dev0")
    world.product = kept
    delete_product(world)

    remove_all(world)

    assert [count(world, table) for table in OF_PRODUCTS] == [1, 1, 0, 0, 0, 0]
    assert (count(world, tables.products), count(world, tables.device_batches)) == (1, 0)
    assert devices.find(world.tx, world.instance.id, DeviceReference(neighbour.iot_id, None, None))


def test_devices_go_in_portions_and_may_not_stay_connected(world: World) -> None:
    made = [world.make_device(f"dev{number}").id for number in range(5)]
    delete_product(world)

    portions = remove_all(world, DeletionLimits(devices=2))

    assert sorted(key for portion in portions for key in portion.device_ids) == made
    assert max(len(portion.device_ids) for portion in portions) == 2


def test_connected_devices_are_cut_off_before_anything_else_goes(world: World) -> None:
    made = [world.make_device(f"dev{number}") for number in range(3)]
    for device in made[1:]:
        world.connect(device)
    delete_product(world)

    portion = deletion.remove_portion(world.tx, DeletionLimits())

    assert sorted(portion.device_ids) == [device.id for device in made[1:]]
    assert count(world, tables.devices) == 3


def test_a_device_that_logged_in_while_it_was_deleted_is_cut_off(world: World) -> None:
    device = world.make_device("dev0")
    delete_product(world)
    remove_all(world)

    answers, _ = reports.apply(
        world.tx,
        [Connected(device.id, "c1", "127.0.0.1", START)],
        limits=world.limits,
        maker=world.maker,
        now=START,
    )

    assert answers == [DisconnectDevice(device.id)]


def test_a_deleted_product_gets_no_more_devices(world: World) -> None:
    apply_id = registrations.start(world.tx, world.product, 3, now=world.now)
    delete_product(world)
    assert not registrations.continue_next(world.tx, box=world.box, now=world.now, most=3)
    found = code_of(lambda: registrations.find(world.tx, world.instance.id, apply_id))
    assert found == "iot.device.DeviceApplyIsNotFound"


def test_a_module_is_free_when_its_last_package_is_deleted(world: World) -> None:
    firmware_id = world.make_package(module="MCU")
    delete_package(world, firmware_id)
    modules.delete(world.tx, world.product, "MCU")


def test_tasks_of_other_packages_are_left_alone(world: World) -> None:
    gone, stays = world.make_package("2.0.0"), world.make_package("3.0.0")
    device = world.make_device("dev0")
    other = world.make_job(gone, ["dev0"])
    world.cancel(gone, ["dev0"])
    job = world.make_job(stays, ["dev0"])
    delete_package(world, gone)

    remove_all(world)

    assert list(world.states(job)) == [device.id]
    assert list(world.states(other)) == []
