"""What is told of several devices at once (control-plane reference §9.3)."""

from typing import Any

import pytest

from tests.scenario.support import Fleet
from tests.support.api import items


def states(fleet: Fleet, **parameters: Any) -> list[dict[str, Any]]:
    answer = fleet.api.call("BatchGetDeviceState", **parameters)
    return items(answer["DeviceStatusList"], "DeviceStatus")


def by_status(fleet: Fleet, status: int, **parameters: Any) -> list[str]:
    answer = fleet.api.call("QueryDeviceByStatus", ProductKey=fleet.product, Status=status, **parameters)
    return [device["DeviceName"] for device in items(answer["Data"], "SimpleDeviceInfo")]


@pytest.mark.rule("QueryDeviceInfo")
def test_names_and_secret_of_a_device_are_told(fleet: Fleet) -> None:
    registered = fleet.api.call("RegisterDevice", ProductKey=fleet.product, DeviceName="known", Nickname="the_known")

    by_name = fleet.api.call("QueryDeviceInfo", ProductKey=fleet.product, DeviceName="known")["Data"]
    by_id = fleet.api.call("QueryDeviceInfo", IotId=registered["Data"]["IotId"])["Data"]

    assert by_name == by_id == registered["Data"]
    assert by_name.keys() == {"ProductKey", "DeviceName", "DeviceSecret", "IotId", "Nickname"}


@pytest.mark.rule("BatchQueryDeviceDetail")
def test_unknown_names_are_left_out_of_the_details(fleet: Fleet) -> None:
    first, silent = fleet.device("first", "1.0.0"), fleet.device("silent", None)

    answer = fleet.api.call(
        "BatchQueryDeviceDetail", ProductKey=fleet.product, DeviceName=[first.name, "nobody", silent.name]
    )
    found = {device["DeviceName"]: device for device in items(answer["Data"], "Data")}

    assert found.keys() == {first.name, silent.name}
    assert found[first.name].items() >= {"Status": "OFFLINE", "FirmwareVersion": "1.0.0", "NodeType": 0}.items()
    assert found[silent.name]["Status"] == "UNACTIVE"
    assert not {"FirmwareVersion", "GmtActive", "UtcActive", "Nickname"} & found[silent.name].keys()


@pytest.mark.rule("BatchQueryDeviceDetail")
def test_details_are_told_of_up_to_100_devices(fleet: Fleet) -> None:
    names = [f"name-{number}" for number in range(101)]

    code = fleet.api.refusal("BatchQueryDeviceDetail", ProductKey=fleet.product, DeviceName=names)

    assert code == "iot.check.ParameterIsNotLessThanMax"
    assert fleet.api.call("BatchQueryDeviceDetail", ProductKey=fleet.product, DeviceName=names[:100])["Success"]


@pytest.mark.rule("BatchGetDeviceState")
def test_states_are_asked_by_name_or_by_iot_id_which_wins(fleet: Fleet) -> None:
    gone, silent = fleet.device("gone", "1.0.0"), fleet.device("silent", None)

    [by_name] = states(fleet, ProductKey=fleet.product, DeviceName=[gone.name, "nobody"])
    [by_id] = states(fleet, IotId=[silent.iot_id, "x" * 30], ProductKey=fleet.product, DeviceName=[gone.name])

    assert by_name.items() >= {"DeviceName": gone.name, "IotId": gone.iot_id, "Status": "OFFLINE"}.items()
    assert by_name["AsAddress"].startswith("127.0.0.1")
    assert by_name["LastOnlineTime"]
    assert (by_id["DeviceName"], by_id["Status"]) == (silent.name, "UNACTIVE")
    assert "LastOnlineTime" not in by_id


@pytest.mark.rule("BatchGetDeviceState")
def test_states_are_asked_of_1_to_50_devices(fleet: Fleet) -> None:
    names = [f"name-{number}" for number in range(51)]

    assert fleet.api.refusal("BatchGetDeviceState", ProductKey=fleet.product) == "iot.device.NullDeviceName"
    code = fleet.api.refusal("BatchGetDeviceState", ProductKey=fleet.product, DeviceName=names)
    assert code == "iot.check.ParameterIsNotLessThanMax"
    assert states(fleet, ProductKey=fleet.product, DeviceName=names[:50]) == []


@pytest.mark.rule("QueryDeviceByStatus")
def test_devices_are_listed_by_their_state(fleet: Fleet) -> None:
    device = fleet.device("gone", "1.0.0")
    fleet.device("silent", None)
    online = fleet.device("here", "1.0.0")
    fleet.connect(online)
    barred = fleet.device("barred", "1.0.0")
    fleet.api.call("DisableThing", IotId=barred.iot_id)

    assert [by_status(fleet, status) for status in (0, 1, 3, 8)] == [["silent"], ["here"], ["gone"], ["barred"]]
    fleet.device("later", "1.0.0")
    assert by_status(fleet, 3) == ["later", device.name]
    assert by_status(fleet, 3, CurrentPage=2, PageSize=1) == [device.name]


@pytest.mark.rule("QueryDeviceByStatus")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"Status": 2}, "iot.common.InvalidFormattedParameter"),
        ({"PageSize": 51}, "iot.common.InvalidPageParams"),
        ({"CurrentPage": 0}, "iot.common.InvalidPageParams"),
        ({"ProductKey": ""}, "iot.prod.NullProductKey"),
    ],
    ids=str,
)
def test_states_and_pages_that_do_not_exist_are_refused(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    asked: dict[str, Any] = {"ProductKey": fleet.product, "Status": 1} | parameters

    assert fleet.api.refusal("QueryDeviceByStatus", **asked) == code
