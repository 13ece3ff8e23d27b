"""Devices and their registration (control-plane reference §9.2, §9.3)."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from skyferry.errors import ApiError
from skyferry.fleet import devices
from skyferry.fleet.devices import BatchStatus, DeviceReference, DeviceStatus
from skyferry.store import devices as statements
from tests.support.rows import World
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
        (DeviceReference(None, key, None), "iot.device.NullDeviceName"),
        (DeviceReference(None, None, "dev1"), "iot.device.NullDeviceName"),
    ):
        with pytest.raises(ApiError) as caught:
            devices.find(world.tx, world.instance.id, reference)
        assert caught.value.kind.code == code


def test_the_state_of_a_device_follows_its_connection(world: World) -> None:
    device = world.make_device("dev1", version=None)
    assert devices.status_of(device) is DeviceStatus.UNACTIVE
    online = replace(device, activated_at=1, connection_id="c")
    assert devices.status_of(online) is DeviceStatus.ONLINE
    assert devices.status_of(replace(online, connection_id=None)) is DeviceStatus.OFFLINE
    assert devices.status_of(replace(online, disabled=True)) is DeviceStatus.DISABLE


@pytest.mark.parametrize("wanted", [0, -1, 10_001])
def test_a_registration_makes_1_to_10000_devices(world: World, wanted: int) -> None:
    with pytest.raises(ApiError) as caught:
        devices.start_batch(world.tx, world.product, wanted, now=world.now)
    assert caught.value.kind.code == "iot.device.ApplyManyDevicesFailed"


def test_a_registration_goes_on_where_it_stopped(world: World) -> None:
    apply_id = devices.start_batch(world.tx, world.product, 7, now=world.now)
    portions = 0
    while devices.continue_batch(world.tx, box=world.box, now=world.now, most=3):
        portions += 1
    assert portions == 3
    assert statements.count(world.tx, world.product.id) == 7
    assert devices.find_batch(world.tx, world.instance.id, apply_id).status == BatchStatus.CREATE_SUCCESS


def test_a_registration_of_another_instance_is_not_found(world: World) -> None:
    apply_id = devices.start_batch(world.tx, world.product, 1, now=world.now)
    with pytest.raises(ApiError) as caught:
        devices.find_batch(world.tx, world.instance.id + 1, apply_id)
    assert caught.value.kind.code == "iot.device.DeviceApplyIsNotFound"
