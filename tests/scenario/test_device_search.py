"""Devices found by a sentence: QueryDeviceBySQL (control-plane reference §9.3, §8.5)."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import Device

pytestmark = pytest.mark.rule("QueryDeviceBySQL")


def ask(fleet: Fleet, sentence: str) -> list[dict[str, Any]]:
    """The devices that a sentence finds; `$P` stands for the product. The SDK makes empty lists of absent ones."""
    answer = fleet.api.call("QueryDeviceBySQL", SQL=sentence.replace("$P", fleet.product))
    assert "TotalCount" not in answer
    return [{name: value for name, value in device.items() if value != []} for device in answer["Data"]]


def names(fleet: Fleet, condition: str) -> list[str]:
    """The names of the devices of the product for which a condition is true, newest first."""
    found = ask(fleet, f'SELECT * FROM device WHERE product_key = "$P" AND {condition}')
    return [device["DeviceName"] for device in found]


def register(fleet: Fleet, *device_names: str) -> list[Device]:
    return [fleet.api.register(fleet.product, name) for name in device_names]


def test_a_found_device_tells_all_that_is_known_of_it(fleet: Fleet) -> None:
    device = fleet.device("device-1", version="1.0.1")
    fleet.connect(device, None).say_version("2.0.0", "mcu")
    group = fleet.api.call("CreateDeviceGroup", GroupName=f"g{fleet.product}")["Data"]["GroupId"]
    reference = {"ProductKey": fleet.product, "DeviceName": "device-1"}
    fleet.api.call("BatchAddDeviceGroupRelations", GroupId=group, Device=[reference])

    [found] = ask(fleet, "SELECT * FROM device WHERE product_key = '$P'")

    times = [found.pop(name) for name in ("ActiveTime", "GmtCreate", "GmtModified")]
    assert found == {
        "ProductKey": fleet.product,
        "DeviceName": "device-1",
        "IotId": device.iot_id,
        "Status": "ONLINE",
        "Groups": [{"GroupId": group}],
        "OTAModules": [
            {"ModuleName": "default", "FirmwareVersion": "1.0.1"},
            {"ModuleName": "mcu", "FirmwareVersion": "2.0.0"},
        ],
    }
    for time in times:
        in_china = datetime.strptime(time, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC) - timedelta(hours=8)
        assert re.fullmatch(r".*\.\d{3}", time)
        assert abs(datetime.now(UTC) - in_china) < timedelta(hours=1)


def test_a_new_device_has_neither_lists_nor_an_active_time(fleet: Fleet) -> None:
    register(fleet, "device-1")
    [found] = ask(fleet, 'SELECT * FROM device WHERE product_key = "$P"')
    assert set(found) == {"ProductKey", "DeviceName", "IotId", "Status", "GmtCreate", "GmtModified"}
    assert found["Status"] == "UNACTIVE"


def test_only_what_is_selected_is_told_with_the_iot_id(fleet: Fleet) -> None:
    device = fleet.device("device-1")
    sentence = "select\n  ota_module.version\nfrom\n  device\nwhere ota_module.name = 'default' and product_key = '$P'"
    assert ask(fleet, sentence) == [
        {"IotId": device.iot_id, "OTAModules": [{"ModuleName": "default", "FirmwareVersion": "1.0.0"}]}
    ]
    assert ask(fleet, "SELECT name, status FROM device WHERE product_key = '$P'") == [
        {"IotId": device.iot_id, "DeviceName": "device-1", "Status": "OFFLINE"}
    ]


def test_devices_are_counted(fleet: Fleet) -> None:
    register(fleet, "device-1", "device-2")
    answer = fleet.api.call(
        "QueryDeviceBySQL", SQL=f'SELECT count(*) FROM device WHERE product_key = "{fleet.product}"'
    )
    assert answer["TotalCount"] == 2
    assert not answer["Data"]


def test_names_are_found_by_their_beginning_in_their_letter_case(fleet: Fleet) -> None:
    register(fleet, "meter-1", "Meter-2", "meter-3", "water-meter")
    assert names(fleet, "name LIKE 'mete%'") == ["meter-3", "meter-1"]
    assert names(fleet, "name LIKE 'meter-%'") == ["meter-3", "meter-1"]
    assert names(fleet, "name LIKE 'eter%'") == []


def test_a_beginning_is_taken_literally(fleet: Fleet) -> None:
    register(fleet, "dev_1-a", "devx1-b")
    assert names(fleet, "name LIKE 'dev_1%'") == ["dev_1-a"]


def test_conditions_are_joined_by_and_before_or(fleet: Fleet) -> None:
    register(fleet, "aaaa", "bbbb", "cccc")
    assert names(fleet, "(name = 'aaaa' OR name = 'bbbb')") == ["bbbb", "aaaa"]
    assert names(fleet, "name IN ('aaaa', 'cccc') AND name != 'aaaa'") == ["cccc"]
    product = f"product_key = '{fleet.product}'"
    either = ask(fleet, f"SELECT name FROM device WHERE name = 'none' OR {product} AND name = 'bbbb'")
    assert [device["DeviceName"] for device in either] == ["bbbb"]


def test_devices_are_found_by_state(fleet: Fleet) -> None:
    offline, online = fleet.devices(2)
    fleet.connect(online)
    [fresh] = register(fleet, "never-online")
    fleet.api.call("DisableThing", IotId=register(fleet, "disabled")[0].iot_id)
    assert names(fleet, "status = 'OFFLINE'") == [offline.name]
    assert names(fleet, "status = 'ONLINE'") == [online.name]
    assert names(fleet, "status = 'UNACTIVE'") == [fresh.name]
    assert names(fleet, "status != 'DISABLE'") == [fresh.name, online.name, offline.name]


def test_devices_are_found_by_the_version_of_a_module(fleet: Fleet) -> None:
    fleet.device("device-1", version="1.0.0")
    fleet.device("device-2", version="1.0.1")
    fleet.device("device-3", version="1.0.1", module="mcu")
    register(fleet, "device-4")
    assert names(fleet, "ota_module.name = 'default' AND ota_module.version = '1.0.1'") == ["device-2"]
    assert names(fleet, "ota_module.name = 'default' AND ota_module.version != '1.0.1'") == ["device-1"]
    assert names(fleet, "ota_module.version LIKE '1.0.%'") == ["device-3", "device-2", "device-1"]


def test_devices_are_found_by_their_tags(fleet: Fleet) -> None:
    """A name and a value joined by AND are of the same tag."""
    both, other = register(fleet, "device-1", "device-2")
    fleet.api.call("SaveDeviceProp", IotId=both.iot_id, Props='{"color": "red", "shape": "round", "abc": "hidden"}')
    fleet.api.call("SaveDeviceProp", IotId=other.iot_id, Props='{"color": "round", "shape": "red"}')
    assert names(fleet, "tag.tag_name = 'color' AND tag.tag_value = 'red'") == ["device-1"]
    assert names(fleet, "tag.tag_value = 'red' AND tag.tag_name = 'shape'") == ["device-2"]
    assert names(fleet, "tag.tag_name = 'color'") == ["device-2", "device-1"]
    two = "tag.tag_name = 'color' AND tag.tag_value = 'red' AND tag.tag_name = 'shape' AND tag.tag_value = 'round'"
    assert names(fleet, two) == ["device-1"]
    assert names(fleet, "tag.tag_name = 'abc'") == []
    [found] = ask(fleet, "SELECT tag.tag_name FROM device WHERE name = 'device-1' AND product_key = '$P'")
    assert found["Tags"] == [{"TagName": "color", "TagValue": "red"}, {"TagName": "shape", "TagValue": "round"}]


def test_devices_are_found_by_group(fleet: Fleet) -> None:
    group = fleet.api.call("CreateDeviceGroup", GroupName=f"g{fleet.product}")["Data"]["GroupId"]
    register(fleet, "inside", "outside")
    reference = {"ProductKey": fleet.product, "DeviceName": "inside"}
    fleet.api.call("BatchAddDeviceGroupRelations", GroupId=group, Device=[reference])
    assert names(fleet, f"group.group_id = '{group}'") == ["inside"]
    assert names(fleet, f"group.group_id != '{group}'") == ["outside"]


def test_times_are_compared_as_they_are_answered(fleet: Fleet) -> None:
    register(fleet, "device-1")
    [first] = ask(fleet, "SELECT gmt_create FROM device WHERE product_key = '$P'")
    register(fleet, "device-2")
    assert names(fleet, f"gmt_create = '{first['GmtCreate']}'")[-1] == "device-1"
    assert "device-1" not in names(fleet, f"gmt_create > '{first['GmtCreate']}'")
    assert names(fleet, "gmt_create >= '2020-01-01 00:00:00'") == ["device-2", "device-1"]
    assert names(fleet, "active_time > '2020-01-01'") == []


def test_devices_are_sorted_and_paged(fleet: Fleet) -> None:
    register(fleet, *(f"device-{number}" for number in range(1, 6)))

    def page(rest: str) -> list[str]:
        return [device["DeviceName"] for device in ask(fleet, f"SELECT * FROM device WHERE product_key = '$P' {rest}")]

    assert page("LIMIT 2") == ["device-5", "device-4"]
    assert page("LIMIT 3, 2") == ["device-2", "device-1"]
    assert page("ORDER BY gmt_create LIMIT 1") in (["device-1"], ["device-2"])
    assert page("ORDER BY gmt_create DESC LIMIT 10") == page("LIMIT 10")


def test_without_limit_20_devices_are_answered(fleet: Fleet) -> None:
    fleet.api.register_many(fleet.product, 25)
    assert len(ask(fleet, "SELECT * FROM device WHERE product_key = '$P'")) == 20
    assert len(ask(fleet, "SELECT * FROM device WHERE product_key = '$P' LIMIT 50")) == 25


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("", "Error"),
        ("SELECT * FROM device", "Error"),
        ("SELECT * FROM device WHERE name = 'a'; DELETE FROM device", "Error"),
        (f"SELECT * FROM device WHERE name = '{'a' * 400}'", "Error"),
        ("SELECT * FROM device WHERE colour = 'red'", "FieldError"),
        ("SELECT * FROM device WHERE " + " OR ".join(["name = 'a'"] * 6), "ConditionError"),
        ("SELECT * FROM device WHERE name > 'a'", "OperatorTypeError"),
        ("SELECT * FROM device WHERE name LIKE 'abc%'", "ParamError"),
        ("SELECT * FROM device WHERE name = 'a' ORDER BY name", "OrderError"),
        ("SELECT * FROM device WHERE name = 'a' LIMIT 51", "OffsetError"),
        ("SELECT * FROM device WHERE name = 'a' LIMIT 9990, 11", "OffsetError"),
    ],
)
def test_each_kind_of_mistake_has_its_own_code(fleet: Fleet, sentence: str, code: str) -> None:
    assert fleet.api.refusal("QueryDeviceBySQL", SQL=sentence) == f"iot.devicesearch.InvalidSQL{code}"


def test_a_value_is_never_part_of_the_sentence(fleet: Fleet) -> None:
    register(fleet, "device-1")
    assert names(fleet, """nickname = "x' OR '1' = '1" """) == []
    assert names(fleet, "nickname != 'x'' OR name LIKE ''%'") == ["device-1"]


def test_another_account_finds_none_of_these_devices(fleet: Fleet, accounts: Accounts) -> None:
    device = fleet.device("device-1")
    stranger = application(accounts.create(f"searcher-{fleet.product}"))
    for condition in (f"product_key = '{fleet.product}'", f"iot_id = '{device.iot_id}'", "name != 'x'"):
        answer = stranger.call("QueryDeviceBySQL", SQL=f"SELECT * FROM device WHERE {condition}")
        assert answer["Data"] == []
        counted = stranger.call("QueryDeviceBySQL", SQL=f"SELECT count(*) FROM device WHERE {condition}")
        assert counted["TotalCount"] == 0
