"""Devices: names, states and who may log in (control-plane reference §9.2, §9.3)."""

from collections.abc import Iterator

import pytest

from skyferry.bus.messages import Disconnected
from skyferry.errors import ApiError
from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference, DeviceStatus
from skyferry.store import devices as statements
from skyferry.store.devices import DeviceRecord
from tests.support.rows import START, World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


@pytest.mark.parametrize(
    ("name", "nickname", "code"),
    [
        ("abc", None, "iot.device.InvalidFormattedDeviceName"),
        ("a" * 33, None, "iot.device.InvalidFormattedDeviceName"),
        ("white space", None, "iot.device.InvalidFormattedDeviceName"),
        ("line\n", None, "iot.device.InvalidFormattedDeviceName"),
        ("dev-1", "x", "iot.device.InvalidFormattedDeviceNickname"),
    ],
)
def test_bad_names_are_refused(world: World, name: str, nickname: str | None, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        devices.register(world.tx, world.product, name, nickname, box=world.box, now=world.now)
    assert caught.value.kind.code == code


def test_every_documented_character_of_a_name_is_taken(world: World) -> None:
    device, secret = devices.register(world.tx, world.product, "Az09-_@.:", "暖气_1", box=world.box, now=world.now)
    assert device.name == "Az09-_@.:"
    assert world.box.open(device.secret_sealed) == secret
    with pytest.raises(ApiError) as caught:
        devices.register(world.tx, world.product, "Az09-_@.:", None, box=world.box, now=world.now)
    assert caught.value.kind.code == "iot.device.AlreadyExistedDeviceName"


def test_a_device_without_a_name_gets_one_of_20_characters(world: World) -> None:
    device, _ = devices.register(world.tx, world.product, None, None, box=world.box, now=world.now)
    assert len(device.name) == 20
    assert device.name.isalnum()


def test_the_iot_id_wins_over_product_and_name(world: World) -> None:
    first, second = world.make_device("dev1"), world.make_device("dev2")
    key = world.product.product_key
    found = devices.find(world.tx, world.instance.id, DeviceReference(first.iot_id, key, second.name))
    assert found.id == first.id
    for reference, code in (
        (DeviceReference("unknown", key, "dev1"), "iot.device.InvalidIoTId"),
        (DeviceReference(None, key, "unknown"), "iot.device.NotExistedDevice"),
        (DeviceReference(None, "a1Unknown00", "dev1"), "iot.prod.NotExistedProduct"),
        (DeviceReference(None, key, None), "iot.device.NullDeviceName"),
        (DeviceReference(None, None, "dev1"), "iot.device.NullDeviceName"),
    ):
        with pytest.raises(ApiError) as caught:
            devices.find(world.tx, world.instance.id, reference)
        assert caught.value.kind.code == code


def state_of(world: World, device: DeviceRecord) -> DeviceStatus:
    [found] = devices.find_iot_ids(world.tx, world.instance.id, [device.iot_id])
    return devices.status_of(found)


def disable(world: World, device: DeviceRecord, *, disabled: bool = True) -> None:
    reference = DeviceReference(device.iot_id, None, None)
    key = devices.set_disabled(world.tx, world.instance.id, reference, disabled=disabled, now=world.now)
    assert key == device.id


def test_the_state_of_a_device_follows_its_connection(world: World) -> None:
    device = world.make_device("dev1", version=None)
    assert state_of(world, device) is DeviceStatus.UNACTIVE
    world.connect(device)
    assert state_of(world, device) is DeviceStatus.ONLINE
    world.report(Disconnected(device.id, "c1", world.now))
    assert state_of(world, device) is DeviceStatus.OFFLINE


@pytest.mark.parametrize("was_online", [True, False])
def test_a_disabled_device_is_disabled_whatever_it_was(world: World, was_online: bool) -> None:
    device = world.make_device("dev1", version=None)
    if was_online:
        world.connect(device)
        world.report(Disconnected(device.id, "c1", world.now))
    before = state_of(world, device)
    disable(world, device)
    disable(world, device)
    assert state_of(world, device) is DeviceStatus.DISABLE
    found = statements.page(world.tx, world.product.id, limit=9, states=devices.states_of(8))
    assert [item.id for item in found] == [device.id]
    disable(world, device, disabled=False)
    assert state_of(world, device) is before


def test_the_time_of_a_state_is_that_of_its_change(world: World) -> None:
    device = world.make_device("dev1", version=None)
    for step, disabled in enumerate((True, True, False, False), start=1):
        world.now = START + step
        disable(world, device, disabled=disabled)
    [found] = devices.find_names(world.tx, world.product, ["dev1"])
    assert found.status_at == found.modified_at == START + 3


@pytest.mark.parametrize("number", [-1, 2, 9])
def test_a_status_that_is_none_is_refused(number: int) -> None:
    with pytest.raises(ApiError) as caught:
        devices.states_of(number)
    assert caught.value.kind.code == "iot.common.InvalidFormattedParameter"


def test_lists_of_devices_keep_their_order_and_leave_unknown_ones_out(world: World) -> None:
    first, second = world.make_device("dev1"), world.make_device("dev2")
    found = devices.find_names(world.tx, world.product, ["dev2", "nobody", "dev1", "dev2"])
    assert [item.id for item in found] == [second.id, first.id]
    found = devices.find_iot_ids(world.tx, world.instance.id, [second.iot_id, "nothing", first.iot_id])
    assert [item.id for item in found] == [second.id, first.id]
    assert devices.find_iot_ids(world.tx, world.instance.id + 1, [first.iot_id]) == []


def test_nicknames_are_given_to_all_or_to_none(world: World) -> None:
    first, second = world.make_device("dev1"), world.make_device("dev2")
    key = world.product.product_key

    def rename(*wanted: tuple[DeviceReference, str | None]) -> None:
        devices.rename(world.tx, world.instance.id, wanted, now=world.now)

    rename((DeviceReference(first.iot_id, None, None), "暖气_1"), (DeviceReference(None, key, "dev2"), "heating"))
    for wanted, code in (
        ((DeviceReference(None, key, "nobody"), "changed"), "iot.device.NotExistedDevice"),
        ((DeviceReference("nothing", None, None), "changed"), "iot.device.InvalidIoTId"),
        ((DeviceReference(None, key, None), "changed"), "iot.device.NullDeviceName"),
        ((DeviceReference(None, key, "dev2"), "n" * 33), "iot.device.InvalidFormattedDeviceNickname"),
    ):
        with pytest.raises(ApiError) as caught:
            rename((DeviceReference(None, key, "dev1"), "changed"), wanted)
        assert caught.value.kind.code == code
    found = devices.find_names(world.tx, world.product, ["dev1", "dev2"])
    assert [item.nickname for item in found] == ["暖气_1", "heating"]
    rename((DeviceReference(first.iot_id, None, None), None), (DeviceReference(second.iot_id, None, None), ""))
    found = devices.find_names(world.tx, world.product, ["dev1", "dev2"])
    assert [item.nickname for item in found] == [None, None]


def test_too_many_nicknames_are_refused(world: World) -> None:
    device = world.make_device("dev1")
    wanted = [(DeviceReference(device.iot_id, None, None), "nickname")] * (devices.MOST_RENAMED + 1)
    with pytest.raises(ApiError) as caught:
        devices.rename(world.tx, world.instance.id, wanted, now=world.now)
    assert caught.value.kind.code == "iot.check.ParameterIsNotLessThanMax"
