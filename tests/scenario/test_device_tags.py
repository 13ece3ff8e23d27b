"""Tags of devices (control-plane reference §9.5)."""

import json
from typing import Any

import pytest

from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import Device, items


def save(fleet: Fleet, device: Device, **tags: str) -> None:
    """SaveDeviceProp."""
    fleet.api.call("SaveDeviceProp", IotId=device.iot_id, Props=json.dumps(tags, ensure_ascii=False))


def tags_of(fleet: Fleet, device: Device) -> Any:
    """The tags of a device."""
    return json.loads(fleet.api.call("QueryDeviceProp", IotId=device.iot_id)["Props"])


def search(fleet: Fleet, **more: Any) -> dict[str, Any]:
    """QueryDeviceByTags; a tag of the test's own product keeps other tests' devices out."""
    tag = [{"TagKey": "test", "TagValue": fleet.product}, *more.pop("Tag", [])]
    return fleet.api.call("QueryDeviceByTags", Tag=tag, **more)


def names(answer: dict[str, Any]) -> list[str]:
    """The names in an answer of QueryDeviceByTags."""
    return [row["DeviceName"] for row in items(answer["Data"], "SimpleDeviceInfo")]


@pytest.mark.rule("SaveDeviceProp", "QueryDeviceProp")
def test_tags_are_added_and_overwritten(fleet: Fleet) -> None:
    device, bare = (fleet.api.register(fleet.product, f"device-{number}") for number in (1, 2))

    save(fleet, device, color="red", coordinate="104.07086:30.549169")
    save(fleet, device, color="蓝", shape="round")

    assert tags_of(fleet, device) == {"color": "蓝", "coordinate": "104.07086:30.549169", "shape": "round"}
    assert tags_of(fleet, bare) == {}


@pytest.mark.rule("QueryDeviceProp")
def test_tags_are_the_text_of_a_json_object(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    save(fleet, device, coordinate="104.07086:30.549169")

    answer = fleet.api.call("QueryDeviceProp", ProductKey=fleet.product, DeviceName=device.name)

    assert answer["Props"] == '{"coordinate":"104.07086:30.549169"}'


@pytest.mark.rule("SaveDeviceProp", "QueryDeviceProp", "QueryDeviceByTags")
def test_the_reserved_key_is_taken_and_no_query_tells_it(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")

    save(fleet, device, test=fleet.product, abc="hidden")

    assert tags_of(fleet, device) == {"test": fleet.product}
    assert names(search(fleet)) == [device.name]
    assert names(search(fleet, Tag=[{"TagKey": "abc", "TagValue": "hidden"}])) == []


@pytest.mark.rule("SaveDeviceProp")
@pytest.mark.parametrize(
    ("props", "code"),
    [
        ("", "iot.device.NullDevicePropertiesString"),
        ("{}", "iot.device.NullDevicePropertiesString"),
        ("color=red", "iot.device.InvalidFormattedDevicePropertiesString"),
        ('["red"]', "iot.device.InvalidFormattedDevicePropertiesString"),
        ('{"color":""}', "iot.device.InvalidFormattedDevicePropertiesString"),
        ('{"":"red"}', "iot.device.NullDevicePropertyKey"),
        ('{"a\\u0000b":"red"}', "iot.device.InvalidFormattedDevicePropertyKey"),
        (json.dumps({"color": "r" * 5_120}), "iot.device.LongDevicePropertiesString"),
        (json.dumps({str(number): "v" for number in range(101)}), "iot.device.TooManyDevicePropertiesPerTime"),
    ],
    ids=lambda text: text[:30],
)
def test_bad_tags_have_their_documented_codes(fleet: Fleet, props: str, code: str) -> None:
    device = fleet.api.register(fleet.product, "device-1")

    assert fleet.api.refusal("SaveDeviceProp", IotId=device.iot_id, Props=props) == code
    assert tags_of(fleet, device) == {}


@pytest.mark.rule("SaveDeviceProp")
def test_a_device_has_at_most_100_tags(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    save(fleet, device, **{f"key{number}": "value" for number in range(100)})

    refused = fleet.api.refusal("SaveDeviceProp", IotId=device.iot_id, Props='{"one more":"value"}')
    save(fleet, device, key99="changed")

    assert refused == "iot.device.TooManyDevicePropertiesPerTime"
    assert len(tags_of(fleet, device)) == 100
    assert tags_of(fleet, device)["key99"] == "changed"


@pytest.mark.rule("DeleteDeviceProp")
def test_a_tag_is_taken_away_and_an_unknown_one_is_no_error(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    save(fleet, device, color="red", shape="round")

    for key in ("color", "color", "unknown"):
        fleet.api.call("DeleteDeviceProp", IotId=device.iot_id, PropKey=key)

    assert tags_of(fleet, device) == {"shape": "round"}
    refused = fleet.api.refusal("DeleteDeviceProp", IotId=device.iot_id, PropKey="")
    assert refused == "iot.device.NullDevicePropertyKey"


@pytest.mark.rule("QueryDeviceByTags")
def test_devices_of_all_products_are_found_by_all_of_the_tags(fleet: Fleet) -> None:
    other = fleet.api.create_product(f"other_{fleet.product}")
    first, second = (fleet.api.register(fleet.product, f"device-{number}") for number in (1, 2))
    third = fleet.api.register(other, "device-3")
    for device in (first, second, third):
        save(fleet, device, test=fleet.product)
    save(fleet, first, color="red", shape="square")
    save(fleet, second, color="red", shape="round")
    save(fleet, third, color="red", shape="round")

    red = {"TagKey": "color", "TagValue": "red"}
    round_ = {"TagKey": "shape", "TagValue": "round"}

    assert names(search(fleet, Tag=[red])) == ["device-3", "device-2", "device-1"]
    found = search(fleet, Tag=[red, round_])
    assert names(found) == ["device-3", "device-2"]
    assert (found["Total"], found["Page"], found["PageCount"]) == (2, 1, 1)
    [newest, _] = items(found["Data"], "SimpleDeviceInfo")
    assert (
        newest.items() >= {"ProductKey": other, "IotId": third.iot_id, "ProductName": f"other_{fleet.product}"}.items()
    )
    assert names(search(fleet, Tag=[red, {"TagKey": "color", "TagValue": "blue"}])) == []
    assert names(search(fleet, Tag=[red], CurrentPage=2, PageSize=2)) == ["device-1"]


@pytest.mark.rule("QueryDeviceByTags")
def test_a_search_is_for_1_to_10_tags_and_pages_of_1_to_50(fleet: Fleet) -> None:
    tags = [{"TagKey": f"key{number}", "TagValue": "value"} for number in range(11)]

    assert fleet.api.refusal("QueryDeviceByTags") == "iot.device.NullDevicePropertyKey"
    assert fleet.api.refusal("QueryDeviceByTags", Tag=tags) == "iot.device.TooManyDevicePropertiesPerTime"
    assert names(search(fleet, Tag=tags[:9])) == []
    for page in ({"PageSize": 51}, {"CurrentPage": 0}, {"CurrentPage": 2_001, "PageSize": 50}):
        refused = fleet.api.refusal("QueryDeviceByTags", Tag=tags[:1], **page)
        assert refused == "iot.common.InvalidPageParams"


@pytest.mark.rule("SaveDeviceProp", "QueryDeviceProp", "DeleteDeviceProp", "QueryDeviceByTags", "accounts")
def test_another_account_sees_and_changes_no_tag(fleet: Fleet, accounts: Accounts) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    save(fleet, device, test=fleet.product)
    stranger = application(accounts.create(f"stranger-{fleet.product}"))

    for operation, more in (("SaveDeviceProp", {"Props": '{"test":"x"}'}), ("DeleteDeviceProp", {"PropKey": "test"})):
        assert stranger.refusal(operation, IotId=device.iot_id, **more) == "iot.device.InvalidIoTId"
    assert stranger.refusal("QueryDeviceProp", IotId=device.iot_id) == "iot.device.InvalidIoTId"
    found = stranger.call("QueryDeviceByTags", Tag=[{"TagKey": "test", "TagValue": fleet.product}])

    assert items(found["Data"], "SimpleDeviceInfo") == []
    assert tags_of(fleet, device) == {"test": fleet.product}
