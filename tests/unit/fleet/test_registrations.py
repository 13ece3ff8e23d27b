"""Registrations by the thousand (control-plane reference §9.2)."""

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import select, update

from skyferry.errors import ApiError
from skyferry.fleet import devices, registrations
from skyferry.fleet.registrations import BatchStatus, WantedDevice
from skyferry.store import devices as device_statements
from skyferry.store import registrations as statements
from skyferry.store.tables import device_batch_names, products
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


def work(world: World, most: int = 500) -> int:
    """Does everything that is left to do, and tells in how many portions."""
    portions = 0
    while registrations.continue_next(world.tx, box=world.box, now=world.now, most=most):
        portions += 1
    return portions


def check(world: World, names: Sequence[str]) -> int:
    wanted = [WantedDevice(name) for name in names]
    assert registrations.misfits(wanted) is None
    return registrations.start_check(world.tx, world.product, wanted, now=world.now)


def status(world: World, apply_id: int) -> str:
    return registrations.find(world.tx, world.instance.id, apply_id).status


def lists(world: World, apply_id: int) -> tuple[list[str], list[str]]:
    entries = registrations.names_of_failed(world.tx, registrations.find(world.tx, world.instance.id, apply_id))
    return (
        [entry.name for entry in entries if entry.problem is None],
        [entry.name for entry in entries if entry.problem is not None],
    )


def refusal(world: World, apply_id: int) -> str:
    with pytest.raises(ApiError) as caught:
        registrations.start_checked(world.tx, world.product, apply_id)
    return caught.value.kind.code


def made(world: World, apply_id: int) -> list[str]:
    return [device.name for device in statements.page_of_devices(world.tx, apply_id, offset=0, limit=100)]


@pytest.mark.parametrize("wanted", [0, -1, 10_001])
def test_a_registration_makes_1_to_10000_devices(world: World, wanted: int) -> None:
    with pytest.raises(ApiError) as caught:
        registrations.start(world.tx, world.product, wanted, now=world.now)
    assert caught.value.kind.code == "iot.device.ApplyManyDevicesFailed"


def test_a_registration_goes_on_where_it_stopped(world: World) -> None:
    apply_id = registrations.start(world.tx, world.product, 7, now=world.now)
    assert work(world, most=3) == 3
    assert device_statements.count(world.tx, world.product.id) == 7
    assert status(world, apply_id) == BatchStatus.CREATE_SUCCESS


def test_a_device_that_is_removed_meanwhile_is_not_made_again(world: World) -> None:
    apply_id = registrations.start(world.tx, world.product, 4, now=world.now)
    registrations.continue_next(world.tx, box=world.box, now=world.now, most=2)
    [first, _] = statements.page_of_devices(world.tx, apply_id, offset=0, limit=10)
    device_statements.remove(world.tx, first.id)
    work(world)
    assert device_statements.count(world.tx, world.product.id) == 3


def test_a_registration_of_another_instance_or_a_deleted_product_is_not_found(world: World) -> None:
    apply_id = registrations.start(world.tx, world.product, 1, now=world.now)
    with pytest.raises(ApiError) as caught:
        registrations.find(world.tx, world.instance.id + 1, apply_id)
    assert caught.value.kind.code == "iot.device.DeviceApplyIsNotFound"
    world.tx.execute(update(products).values(deleted_at=world.now))
    with pytest.raises(ApiError) as caught:
        registrations.find(world.tx, world.instance.id, apply_id)
    assert caught.value.kind.code == "iot.device.DeviceApplyIsNotFound"
    assert work(world) == 0


def test_names_are_checked_and_then_made_portion_by_portion(world: World) -> None:
    names = [f"meter-{number}" for number in range(7)]
    apply_id = check(world, names)
    assert status(world, apply_id) == BatchStatus.CHECK
    assert work(world, most=3) == 3
    assert status(world, apply_id) == BatchStatus.CHECK_SUCCESS
    assert device_statements.count(world.tx, world.product.id) == 0

    registrations.start_checked(world.tx, world.product, apply_id)
    assert status(world, apply_id) == BatchStatus.CREATE
    assert work(world, most=3) == 3

    assert status(world, apply_id) == BatchStatus.CREATE_SUCCESS
    assert made(world, apply_id) == names
    assert lists(world, apply_id) == ([], [])
    assert world.tx.execute(select(device_batch_names)).all() == []


def test_nicknames_are_given(world: World) -> None:
    wanted = [WantedDevice("meter-1", "heating"), WantedDevice("meter-2"), WantedDevice("meter-3", "")]
    apply_id = registrations.start_check(world.tx, world.product, wanted, now=world.now)
    work(world)
    registrations.start_checked(world.tx, world.product, apply_id)
    work(world)
    found = devices.find_names(world.tx, world.product, ["meter-1", "meter-2", "meter-3"])
    assert [device.nickname for device in found] == ["heating", None, None]


def test_names_that_are_taken_fail_the_check(world: World) -> None:
    world.make_device("meter-2")
    apply_id = check(world, ["meter-1", "meter-2", "meter-3"])
    work(world, most=1)
    assert status(world, apply_id) == BatchStatus.CHECK_FAILED
    assert lists(world, apply_id) == (["meter-1", "meter-3"], ["meter-2"])
    assert refusal(world, apply_id) == "iot.device.IncorrentDeviceApplyInfo"


def test_a_name_of_another_product_is_free(world: World) -> None:
    world.make_device("meter-1")
    world.product = world.make_product("product_2")
    apply_id = check(world, ["meter-1"])
    work(world)
    assert status(world, apply_id) == BatchStatus.CHECK_SUCCESS


def test_names_that_are_taken_after_the_check_fail_and_the_others_are_made(world: World) -> None:
    apply_id = check(world, ["meter-1", "meter-2", "meter-3", "meter-4"])
    work(world)
    world.make_device("meter-1")
    registrations.start_checked(world.tx, world.product, apply_id)
    registrations.continue_next(world.tx, box=world.box, now=world.now, most=2)
    world.make_device("meter-4")
    work(world, most=2)
    assert status(world, apply_id) == BatchStatus.CREATE_FAILED
    assert lists(world, apply_id) == (["meter-2", "meter-3"], ["meter-1", "meter-4"])
    assert made(world, apply_id) == ["meter-2", "meter-3"]


def test_a_registration_is_carried_out_once(world: World) -> None:
    apply_id = check(world, ["meter-1"])
    assert refusal(world, apply_id) == "iot.device.CreateDeviceTaskIsRunning"
    work(world)
    registrations.start_checked(world.tx, world.product, apply_id)
    assert refusal(world, apply_id) == "iot.device.CreateDeviceTaskIsRunning"
    work(world)
    assert refusal(world, apply_id) == "iot.device.IncorrentDeviceApplyInfo"


def test_a_registration_belongs_to_its_product(world: World) -> None:
    apply_id = check(world, ["meter-1"])
    work(world)
    world.product = world.make_product("product_2")
    assert refusal(world, apply_id) == "iot.device.IncorrentDeviceApplyInfo"
    assert refusal(world, 0) == "iot.device.InvalidFormattedApplyId"
    assert refusal(world, apply_id + 1) == "iot.device.DeviceApplyIsNotFound"


def test_registrations_are_worked_off_one_after_the_other(world: World) -> None:
    first, second = check(world, ["meter-1", "meter-2"]), registrations.start(world.tx, world.product, 1, now=world.now)
    registrations.continue_next(world.tx, box=world.box, now=world.now, most=1)
    assert (status(world, first), status(world, second)) == (BatchStatus.CHECK, BatchStatus.CREATE)
    work(world)
    assert (status(world, first), status(world, second)) == (BatchStatus.CHECK_SUCCESS, BatchStatus.CREATE_SUCCESS)


def test_every_reason_against_a_list_is_told() -> None:
    found = registrations.misfits(
        [
            WantedDevice("fine-1", "fine_nickname"),
            WantedDevice("no"),
            WantedDevice("twice", "no"),
            WantedDevice("twice"),
            WantedDevice("fine-2", "no"),
        ]
    )
    assert found is not None
    assert (found.bad_names, found.bad_nicknames, found.repeated_names) == (["no"], ["no"], ["twice"])
    assert [(item.name, item.nickname, item.reason.count("|") + 1) for item in found.details] == [
        ("no", None, 1),
        ("twice", "no", 2),
        ("twice", None, 1),
        ("fine-2", "no", 1),
    ]


@pytest.mark.parametrize(
    ("count", "code"), [(0, "iot.device.NoneDeviceNameElement"), (10_001, "iot.device.ApplyManyDevicesFailed")]
)
def test_a_list_has_1_to_10000_names(count: int, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        registrations.misfits([WantedDevice(f"meter-{number}") for number in range(count)])
    assert caught.value.kind.code == code
