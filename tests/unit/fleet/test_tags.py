"""Tags of devices (control-plane reference §9.5)."""

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import update

from skyferry.errors import ApiError
from skyferry.fleet import tags
from skyferry.fleet.devices import DeviceReference
from skyferry.store.devices import DeviceRecord
from skyferry.store.tables import products
from tests.support.rows import World
from tests.support.rows import world as make_world


@pytest.fixture
def world() -> Iterator[World]:
    with make_world() as made:
        yield made


def reference(device: DeviceRecord) -> DeviceReference:
    return DeviceReference(device.iot_id, None, None)


def save(world: World, device: DeviceRecord, **given: str) -> None:
    tags.save(world.tx, world.instance.id, reference(device), tags.read(json.dumps(given)))


def found(world: World, *wanted: tuple[str, str], offset: int = 0, limit: int = 10) -> tuple[int, list[str]]:
    total, page = tags.search(world.tx, world.instance.id, wanted, offset=offset, limit=limit)
    return total, [device.name for device in page]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "NullDevicePropertiesString"),
        (" ", "NullDevicePropertiesString"),
        ("{}", "NullDevicePropertiesString"),
        ("[]", "InvalidFormattedDevicePropertiesString"),
        ("red", "InvalidFormattedDevicePropertiesString"),
        ('{"color":NaN}', "InvalidFormattedDevicePropertiesString"),
        ('{"color":null}', "InvalidFormattedDevicePropertiesString"),
        ('{"color":{}}', "InvalidFormattedDevicePropertiesString"),
        ('{"color":""}', "InvalidFormattedDevicePropertiesString"),
        ('{"color":" "}', "InvalidFormattedDevicePropertiesString"),
        ('{"color":"\\u0000"}', "InvalidFormattedDevicePropertiesString"),
        ('{"color":"\\ud800"}', "InvalidFormattedDevicePropertiesString"),
        ('{"a":' * 1_000, "InvalidFormattedDevicePropertiesString"),
        ("[" * 5_000, "InvalidFormattedDevicePropertiesString"),
        ('{"":"red"}', "NullDevicePropertyKey"),
        ('{"a\\u0000b":"red"}', "InvalidFormattedDevicePropertyKey"),
        (json.dumps({"k": "v" * 5_120}), "LongDevicePropertiesString"),
        (json.dumps({"k": "水" * 1_710}, ensure_ascii=False), "LongDevicePropertiesString"),
        (json.dumps({f"k{number}": "v" for number in range(101)}), "TooManyDevicePropertiesPerTime"),
    ],
    ids=lambda text: text[:20],
)
def test_a_bad_text_has_its_documented_code(text: str, code: str) -> None:
    with pytest.raises(ApiError) as caught:
        tags.read(text)
    assert caught.value.kind.code == f"iot.device.{code}"


def test_values_are_texts_as_they_are_written() -> None:
    text = '{"color":"red","水":" 1 ","number":1.10,"whole":-7,"on":true,"off":false}'
    assert tags.read(text) == {
        "color": "red",
        "水": " 1 ",
        "number": "1.10",
        "whole": "-7",
        "on": "true",
        "off": "false",
    }


def test_the_largest_text_is_taken() -> None:
    text = json.dumps({"k": "v" * (tags.MOST_BYTES - 9)})
    assert len(text) == tags.MOST_BYTES
    assert len(tags.read(text)["k"]) == tags.MOST_BYTES - 9


def test_tags_are_added_and_overwritten(world: World) -> None:
    device, other = world.make_device("dev1"), world.make_device("dev2")
    save(world, device, color="red", shape="round")
    save(world, device, color="blue", size="small")
    save(world, other, color="green")
    assert tags.of_device(world.tx, world.instance.id, reference(device)) == {
        "color": "blue",
        "shape": "round",
        "size": "small",
    }


def test_a_device_has_at_most_100_tags(world: World) -> None:
    device = world.make_device("dev1")
    save(world, device, **{f"key{number}": "value" for number in range(100)})
    save(world, device, key7="other")
    with pytest.raises(ApiError) as caught:
        save(world, device, key7="changed", one_more="value")
    assert caught.value.kind.code == "iot.device.TooManyDevicePropertiesPerTime"
    assert tags.of_device(world.tx, world.instance.id, reference(device))["key7"] == "other"


def test_a_tag_is_taken_away_and_an_unknown_one_is_none(world: World) -> None:
    device = world.make_device("dev1")
    save(world, device, color="red", shape="round")
    for key in ("color", "color", "unknown"):
        tags.remove(world.tx, world.instance.id, reference(device), key)
    assert tags.of_device(world.tx, world.instance.id, reference(device)) == {"shape": "round"}
    with pytest.raises(ApiError) as caught:
        tags.remove(world.tx, world.instance.id, reference(device), " ")
    assert caught.value.kind.code == "iot.device.NullDevicePropertyKey"


def test_the_reserved_key_is_kept_and_never_told(world: World) -> None:
    device = world.make_device("dev1")
    save(world, device, abc="hidden", color="red")
    assert tags.of_device(world.tx, world.instance.id, reference(device)) == {"color": "red"}
    assert found(world, ("abc", "hidden")) == (0, [])
    assert found(world, ("color", "red"), ("abc", "hidden")) == (0, [])


def test_devices_are_found_that_have_all_of_the_tags(world: World) -> None:
    for name, given in {
        "dev1": {"color": "red"},
        "dev2": {"color": "red", "shape": "round"},
        "dev3": {"color": "blue", "shape": "round"},
        "dev4": {"shape": "round", "color": "red", "size": "small"},
        "dev5": {"color": "round", "shape": "red"},
    }.items():
        save(world, world.make_device(name), **given)
    assert found(world, ("color", "red")) == (3, ["dev4", "dev2", "dev1"])
    assert found(world, ("color", "red"), ("shape", "round")) == (2, ["dev4", "dev2"])
    assert found(world, ("shape", "round"), ("color", "red"), offset=1, limit=1) == (2, ["dev2"])
    assert found(world, ("color", "red"), ("color", "blue")) == (0, [])
    assert found(world, ("color", "Red")) == (0, [])


def test_devices_of_other_instances_and_deleted_products_are_not_found(world: World) -> None:
    save(world, world.make_device("dev1"), color="red")
    assert tags.search(world.tx, world.instance.id + 1, [("color", "red")], offset=0, limit=10) == (0, [])
    world.tx.execute(update(products).values(deleted_at=world.now))
    assert found(world, ("color", "red")) == (0, [])


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ([], "NullDevicePropertyKey"),
        ([("", "red")], "NullDevicePropertyKey"),
        ([(f"key{number}", "v") for number in range(11)], "TooManyDevicePropertiesPerTime"),
    ],
)
def test_a_search_is_for_1_to_10_tags(world: World, wanted: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(ApiError) as caught:
        found(world, *wanted)
    assert caught.value.kind.code == f"iot.device.{code}"
