"""The whole fleet page by page, and all tasks of a device: ListDevices and ListOTATaskByDevice."""

from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import items

LIST = pytest.mark.rule("ListDevices")
TASKS = pytest.mark.rule("ListOTATaskByDevice")


def listed(fleet: Fleet, **more: Any) -> tuple[list[str], str | None]:
    """The names on a page of the product's devices, and the token of the next."""
    answer = fleet.api.call("ListDevices", **({"ProductKey": fleet.product} | more))
    return [device["DeviceName"] for device in items(answer["Data"], "Device")], answer.get("NextToken")


def tasks(fleet: Fleet, name: str, **more: Any) -> list[dict[str, Any]]:
    answer = fleet.api.call("ListOTATaskByDevice", ProductKey=fleet.product, DeviceName=name, **more)
    return items(answer["Data"], "DeviceTask")


@LIST
def test_a_listed_device_tells_its_tags_and_versions(fleet: Fleet) -> None:
    device = fleet.device()
    name = {"ProductKey": fleet.product, "DeviceName": device.name}
    fleet.api.call("SaveDeviceProp", **name, Props='{"site":"berlin"}')
    fleet.api.call("BatchUpdateDeviceNickname", DeviceNicknameInfo=[name | {"Nickname": "north"}])

    [found] = items(fleet.api.call("ListDevices", ProductKey=fleet.product)["Data"], "Device")

    assert {field: value for field, value in found.items() if not field.startswith("Utc")} == name | {
        "IotId": device.iot_id,
        "Nickname": "north",
        "Status": "OFFLINE",
        "IpAddress": "127.0.0.1",
        "Tags": [{"TagName": "site", "TagValue": "berlin"}],
        "OTAModules": [{"ModuleName": "default", "FirmwareVersion": "1.0.0"}],
    }
    assert found["UtcCreate"] <= found["UtcActive"] <= found["UtcOnline"]


@LIST
def test_pages_follow_each_other_by_their_tokens(fleet: Fleet) -> None:
    for number in range(1, 6):
        fleet.api.register(fleet.product, f"pump-{number}")

    first, token = listed(fleet, PageSize=2)
    second, another = listed(fleet, PageSize=2, NextToken=token)
    last, end = listed(fleet, PageSize=2, NextToken=another)

    assert [first, second, last] == [["pump-5", "pump-4"], ["pump-3", "pump-2"], ["pump-1"]]
    assert end is None


@LIST
def test_names_that_begin_alike_follow_each_other_in_their_order(fleet: Fleet) -> None:
    for name in ("boiler-2", "lamp-1", "boiler-10", "boiler-1"):
        fleet.api.register(fleet.product, name)
    twin = fleet.api.create_product(f"{fleet.product}_twin")
    fleet.api.register(twin, "boiler-10")

    first, token = listed(fleet, NamePrefix="boiler-", PageSize=2)
    last, end = listed(fleet, NamePrefix="boiler-", PageSize=2, NextToken=token)
    assert [first, last, end] == [["boiler-1", "boiler-10"], ["boiler-2"], None]
    assert listed(fleet, PageSize=2, NamePrefix="boiler-2", NextToken=token) == (["boiler-2"], None)
    assert fleet.api.refusal("ListDevices", NextToken=token) == "iot.common.InvalidPageParams"

    told, token = [], None
    for _ in range(2):
        answer = fleet.api.call("ListDevices", NamePrefix="boiler-10", PageSize=1, NextToken=token)
        told += [device["ProductKey"] for device in items(answer["Data"], "Device")]
        token = answer.get("NextToken")
    assert (told, token) == ([fleet.product, twin], None)


@LIST
def test_what_is_asked_for_holds_together(fleet: Fleet) -> None:
    fleet.device("pump-1")
    for name in ("pump-2", "lamp-1"):
        fleet.api.register(fleet.product, name)

    assert listed(fleet, NamePrefix="p")[0] == ["pump-1", "pump-2"]
    assert listed(fleet, NamePrefix="p", Condition="name LIKE 'pump%'")[0] == ["pump-2", "pump-1"]
    assert listed(fleet, Status="UNACTIVE")[0] == ["lamp-1", "pump-2"]
    assert listed(fleet, Condition='ota_module.version = "1.0.0"')[0] == ["pump-1"]
    assert listed(fleet, Condition='name = "pump-2" AND status = "UNACTIVE"', NamePrefix="pump")[0] == ["pump-2"]
    assert listed(fleet, Condition='name = "pump-1" OR name = "lamp-1"', Status="UNACTIVE")[0] == ["lamp-1"]
    assert listed(fleet, NamePrefix="p", Status="ONLINE") == ([], None)


@LIST
def test_the_devices_of_all_products_are_listed(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "pump-1")

    answer = fleet.api.call("ListDevices", PageSize=1)

    assert [item["IotId"] for item in items(answer["Data"], "Device")] == [device.iot_id]
    assert answer["NextToken"]


@LIST
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"ProductKey": "a1unknown"}, "iot.prod.NotExistedProduct"),
        ({"Status": "AWAY"}, "iot.common.InvalidFormattedParameter"),
        ({"PageSize": 201}, "iot.common.InvalidPageParams"),
        ({"NextToken": "else"}, "iot.common.InvalidPageParams"),
        ({"NextToken": "NTA=", "NamePrefix": "pump"}, "iot.common.InvalidPageParams"),
        ({"Condition": "name ="}, "iot.devicesearch.InvalidSQLError"),
        ({"Condition": 'colour = "red"'}, "iot.devicesearch.InvalidSQLFieldError"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    assert fleet.api.refusal("ListDevices", **parameters) == code


@TASKS
def test_all_tasks_of_a_device_are_told_newest_first(fleet: Fleet) -> None:
    device = fleet.device()
    fleet.device("device-2")
    firmware = fleet.package()
    first = fleet.job(firmware, [device])
    fleet.cancel(firmware, [device.name])
    second = fleet.job(firmware, [device])

    found = tasks(fleet, device.name)

    assert [(task["JobId"], task["TaskStatus"]) for task in found] == [(second, "QUEUED"), (first, "CANCELED")]
    assert found[0]["TaskId"] == fleet.task(second, device)["TaskId"]
    assert {name: found[1][name] for name in ("FirmwareId", "ModuleName", "SrcVersion", "DestVersion", "Progress")} == {
        "FirmwareId": firmware,
        "ModuleName": "default",
        "SrcVersion": "1.0.0",
        "DestVersion": "2.0.0",
        "Progress": "0.00",
    }
    assert found[1]["TaskDesc"]
    assert [task["JobId"] for task in tasks(fleet, device.name, CurrentPage=2, PageSize=1)] == [first]
    assert tasks(fleet, "device-2") == []


@TASKS
def test_the_tasks_of_a_deleted_package_are_not_told(fleet: Fleet) -> None:
    device = fleet.device()
    firmware = fleet.package()
    fleet.job(firmware, [device])
    fleet.cancel(firmware, [device.name])
    fleet.api.call("DeleteOTAFirmware", FirmwareId=firmware)

    assert tasks(fleet, device.name) == []


@TASKS
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"DeviceName": "nobody"}, "iot.device.NotExistedDevice"),
        ({}, "iot.device.NullDeviceName"),
        ({"IotId": "else"}, "iot.device.InvalidIoTId"),
        ({"DeviceName": "device-1", "PageSize": 101}, "iot.common.InvalidPageParams"),
    ],
)
def test_tasks_of_nobody_are_refused(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    assert fleet.api.refusal("ListOTATaskByDevice", ProductKey=fleet.product, **parameters) == code
