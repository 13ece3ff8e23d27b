"""What is told of devices (control-plane reference §9.3)."""

import re
from typing import Any

import pytest

from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import Device, items

BAD_PAGE = "iot.common.InvalidPageParams"
TOO_MANY = "iot.check.ParameterIsNotLessThanMax"
CHINA = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def every_state(fleet: Fleet) -> dict[str, Device]:
    """A device in each state, by the state's name: the offline one was disabled and enabled again."""
    offline = fleet.device("device-offline")
    fleet.api.call("DisableThing", IotId=offline.iot_id)
    fleet.api.call("EnableThing", IotId=offline.iot_id)
    unactive = fleet.api.register(fleet.product, "device-unactive")
    disabled = fleet.api.register(fleet.product, "device-disabled")
    fleet.api.call("DisableThing", IotId=disabled.iot_id)
    online = fleet.api.register(fleet.product, "device-online")
    fleet.connect(online)
    return {"OFFLINE": offline, "UNACTIVE": unactive, "DISABLE": disabled, "ONLINE": online}


def states(fleet: Fleet, **parameters: Any) -> list[dict[str, Any]]:
    """The answer of BatchGetDeviceState."""
    answer = fleet.api.call("BatchGetDeviceState", **parameters)
    return items(answer["DeviceStatusList"], "DeviceStatus")


def in_state(fleet: Fleet, number: int, **more: Any) -> dict[str, Any]:
    """The answer of QueryDeviceByStatus."""
    return fleet.api.call("QueryDeviceByStatus", ProductKey=fleet.product, Status=number, **more)


def names(answer: dict[str, Any], item: str = "SimpleDeviceInfo") -> list[str]:
    """The names in an answer."""
    return [row["DeviceName"] for row in items(answer["Data"], item)]


def statistics(fleet: Fleet, **parameters: Any) -> tuple[int, int, int]:
    """Devices, activated ones, online ones."""
    data = fleet.api.call("QueryDeviceStatistics", **parameters)["Data"]
    return data["deviceCount"], data["activeCount"], data["onlineCount"]


@pytest.mark.rule("BatchGetDeviceState", "GetDeviceStatus", "QueryDeviceByStatus", "QueryDeviceDetail", "QueryDevice")
def test_every_operation_calls_a_state_the_same(fleet: Fleet) -> None:
    fleet_by_state = every_state(fleet)
    for state, device in fleet_by_state.items():
        assert fleet.status(device) == state
        assert fleet.api.call("QueryDeviceDetail", IotId=device.iot_id)["Data"]["Status"] == state
        [told] = states(fleet, IotId=[device.iot_id])
        assert told["Status"] == state
    for number, state in {0: "UNACTIVE", 1: "ONLINE", 3: "OFFLINE", 8: "DISABLE"}.items():
        answer = in_state(fleet, number)
        assert names(answer) == [fleet_by_state[state].name]
        assert [row["Status"] for row in items(answer["Data"], "SimpleDeviceInfo")] == [state]
    listed = fleet.api.call("QueryDevice", ProductKey=fleet.product)["Data"]
    assert {row["DeviceName"]: row["DeviceStatus"] for row in items(listed, "DeviceInfo")} == {
        device.name: state for state, device in fleet_by_state.items()
    }


@pytest.mark.rule("BatchGetDeviceState")
def test_states_are_told_in_the_order_of_the_list_and_unknown_devices_left_out(fleet: Fleet) -> None:
    first, second = fleet.device("device-1"), fleet.api.register(fleet.product, "device-2")

    by_name = states(fleet, ProductKey=fleet.product, DeviceName=["device-2", "nobody", "device-1"])
    by_iot_id = states(fleet, IotId=[first.iot_id, "x" * 30, second.iot_id], DeviceName=["device-2"])

    assert [row["IotId"] for row in by_name] == [second.iot_id, first.iot_id]
    assert [row["DeviceName"] for row in by_iot_id] == ["device-1", "device-2"]


@pytest.mark.rule("BatchGetDeviceState")
def test_a_state_tells_since_when_and_from_where(fleet: Fleet) -> None:
    used, unused = fleet.device("device-1"), fleet.api.register(fleet.product, "device-2")

    [told, nothing] = states(fleet, IotId=[used.iot_id, unused.iot_id])

    assert told["AsAddress"] == "127.0.0.1"
    assert CHINA.fullmatch(told["LastOnlineTime"])
    assert told["Timestamp"] == fleet.api.call("GetDeviceStatus", IotId=used.iot_id)["Data"]["Timestamp"]
    assert {"AsAddress", "LastOnlineTime"} & set(nothing) == set()


@pytest.mark.rule("BatchGetDeviceState")
def test_states_of_at_most_50_devices_are_told(fleet: Fleet) -> None:
    many = [f"device-{number}" for number in range(51)]

    assert fleet.api.refusal("BatchGetDeviceState", ProductKey=fleet.product, DeviceName=many) == TOO_MANY
    assert fleet.api.refusal("BatchGetDeviceState", IotId=many) == TOO_MANY
    assert states(fleet, IotId=many[:50]) == []
    assert fleet.api.refusal("BatchGetDeviceState", ProductKey=fleet.product) == "iot.device.NullDeviceName"
    assert fleet.api.refusal("BatchGetDeviceState", DeviceName=many[:1]) == "iot.prod.NullProductKey"


@pytest.mark.rule("QueryDeviceByStatus")
def test_devices_in_a_state_are_paged_newest_first(fleet: Fleet) -> None:
    made = [fleet.api.register(fleet.product, f"device-{number}") for number in range(5)]
    fleet.api.call("DisableThing", IotId=made[2].iot_id)

    first, second = (in_state(fleet, 0, CurrentPage=number, PageSize=3) for number in (1, 2))

    assert (names(first), names(second)) == (["device-4", "device-3", "device-1"], ["device-0"])
    assert (first["Page"], first["PageSize"], first["PageCount"], first["Total"]) == (1, 3, 2, 4)
    [row] = items(second["Data"], "SimpleDeviceInfo")
    assert (row["DeviceSecret"], row["IotId"]) == (made[0].secret, made[0].iot_id)
    assert CHINA.fullmatch(row["GmtCreate"])


@pytest.mark.rule("QueryDeviceByStatus")
def test_bad_states_and_pages_are_refused(fleet: Fleet) -> None:
    for number in (2, 9, -1):
        refused = fleet.api.refusal("QueryDeviceByStatus", ProductKey=fleet.product, Status=number)
        assert refused == "iot.common.InvalidFormattedParameter"
    for page in ({"PageSize": 51}, {"CurrentPage": 0}, {"CurrentPage": 2_001, "PageSize": 50}):
        refused = fleet.api.refusal("QueryDeviceByStatus", ProductKey=fleet.product, Status=0, **page)
        assert refused == BAD_PAGE
    assert fleet.api.refusal("QueryDeviceByStatus", Status=0) == "iot.prod.NullProductKey"


@pytest.mark.rule("QueryDeviceStatistics")
def test_devices_are_counted_in_a_product_and_in_the_instance(fleet: Fleet, accounts: Accounts) -> None:
    every_state(fleet)
    owner = application(accounts.create(f"owner-{fleet.product}"))
    mine = Fleet(fleet.server, owner, "", fleet.stack)
    every_state(mine)
    other = owner.create_product(f"other_{mine.product}")
    owner.register(other, "device-1")

    assert statistics(fleet, ProductKey=fleet.product) == statistics(mine, ProductKey=mine.product) == (4, 2, 1)
    assert statistics(mine, ProductKey=other) == (1, 0, 0)
    assert statistics(mine) == (5, 2, 1)
    assert owner.refusal("QueryDeviceStatistics", ProductKey=fleet.product) == "iot.prod.NotExistedProduct"


@pytest.mark.rule("QueryDeviceStatistics")
def test_devices_are_counted_in_a_group(fleet: Fleet) -> None:
    devices = every_state(fleet)
    other = fleet.api.register(fleet.api.create_product(f"other_{fleet.product}"), "device-1")
    group = fleet.api.call("CreateDeviceGroup", GroupName=f"group_{fleet.product}")["Data"]["GroupId"]
    members = [devices["ONLINE"], devices["UNACTIVE"], devices["OFFLINE"], other]
    fleet.api.call(
        "BatchAddDeviceGroupRelations",
        GroupId=group,
        Device=[{"ProductKey": device.product_key, "DeviceName": device.name} for device in members],
    )

    assert statistics(fleet, GroupId=group) == (4, 2, 1)
    assert statistics(fleet, GroupId=group, ProductKey=fleet.product) == (3, 2, 1)
    assert fleet.api.refusal("QueryDeviceStatistics", GroupId="nothing") == "iot.group.NotExistedGroup"


@pytest.mark.rule("BatchQueryDeviceDetail")
def test_details_of_many_devices_are_those_of_each(fleet: Fleet) -> None:
    used, unused = fleet.device("device-1"), fleet.api.register(fleet.product, "device-2")
    fleet.api.call("BatchUpdateDeviceNickname", DeviceNicknameInfo=[{"IotId": used.iot_id, "Nickname": "水表_1"}])

    found = fleet.api.call(
        "BatchQueryDeviceDetail", ProductKey=fleet.product, DeviceName=["device-2", "nobody", "device-1"]
    )["Data"]["Data"]

    assert [row["IotId"] for row in found] == [unused.iot_id, used.iot_id]
    for row in found:
        detail = fleet.api.call("QueryDeviceDetail", IotId=row["IotId"])["Data"]
        assert row.items() <= detail.items()
        assert set(detail) - set(row) <= {"IpAddress", "Owner", "GmtOnline", "UtcOnline"}
    assert (found[1]["FirmwareVersion"], found[1]["Nickname"]) == ("1.0.0", "水表_1")


@pytest.mark.rule("BatchQueryDeviceDetail")
def test_details_of_at_most_100_devices_are_told(fleet: Fleet) -> None:
    many = [f"device-{number}" for number in range(101)]

    assert fleet.api.refusal("BatchQueryDeviceDetail", ProductKey=fleet.product, DeviceName=many) == TOO_MANY
    found = fleet.api.call("BatchQueryDeviceDetail", ProductKey=fleet.product, DeviceName=many[:100])
    assert found["Data"]["Data"] == []
    unknown = fleet.api.refusal("BatchQueryDeviceDetail", ProductKey="a1nothing00", DeviceName=many[:1])
    assert unknown == "iot.prod.NotExistedProduct"


@pytest.mark.rule("QueryDeviceInfo")
def test_info_is_names_and_secret(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    fleet.api.call("BatchUpdateDeviceNickname", DeviceNicknameInfo=[{"IotId": device.iot_id, "Nickname": "水表_1"}])

    found = fleet.api.call("QueryDeviceInfo", ProductKey=fleet.product, DeviceName=device.name)["Data"]

    assert found == {
        "ProductKey": fleet.product,
        "DeviceName": device.name,
        "DeviceSecret": device.secret,
        "IotId": device.iot_id,
        "Nickname": "水表_1",
    }


@pytest.mark.rule("QueryDeviceDetail")
def test_a_detail_has_every_documented_member(fleet: Fleet) -> None:
    device = fleet.device()
    fleet.api.call("BatchUpdateDeviceNickname", DeviceNicknameInfo=[{"IotId": device.iot_id, "Nickname": "nickname"}])

    detail = fleet.api.call("QueryDeviceDetail", IotId=device.iot_id)["Data"]

    assert set(detail) == {
        *("ProductKey", "ProductName", "DeviceName", "DeviceSecret", "IotId", "Nickname", "Status", "Region", "Owner"),
        *("FirmwareVersion", "IpAddress", "NodeType"),
        *("GmtCreate", "GmtActive", "GmtOnline", "UtcCreate", "UtcActive", "UtcOnline"),
    }
    for name in ("GmtCreate", "GmtActive", "GmtOnline"):
        assert CHINA.fullmatch(detail[name])


@pytest.mark.rule("QueryDevice")
def test_a_list_of_more_than_ten_thousand_devices_goes_on_by_token(fleet: Fleet) -> None:
    oldest = [fleet.api.register(fleet.product, f"device-{number}").name for number in range(3)]
    fleet.api.register_many(fleet.product, 10_000)
    fleet.api.register_many(fleet.product, 10)

    def page(**more: Any) -> dict[str, Any]:
        return fleet.api.call("QueryDevice", ProductKey=fleet.product, PageSize=50, **more)

    answer = page(CurrentPage=200)
    refused = fleet.api.refusal("QueryDevice", ProductKey=fleet.product, CurrentPage=201, PageSize=50)
    beyond = page(CurrentPage=201, NextToken=answer["NextToken"])

    assert refused == BAD_PAGE
    assert (answer["Total"], answer["PageCount"]) == (10_013, 201)
    assert len(names(beyond, "DeviceInfo")) == 13
    assert "NextToken" not in beyond
    assert names(beyond, "DeviceInfo")[-3:] == oldest[::-1]
    assert set(names(beyond, "DeviceInfo")).isdisjoint(names(answer, "DeviceInfo"))


@pytest.mark.rule("QueryDeviceInfo", "DisableThing", "EnableThing", "SaveDeviceProp", "QueryDeviceProp")
def test_every_operation_names_a_device_in_the_same_two_ways(fleet: Fleet) -> None:
    first, second = (fleet.api.register(fleet.product, f"device-{number}") for number in (1, 2))
    both = {"IotId": first.iot_id, "ProductKey": fleet.product, "DeviceName": second.name}
    fleet.api.call("SaveDeviceProp", Props='{"which":"first"}', **both)
    fleet.api.call("DisableThing", **both)

    assert fleet.api.call("QueryDeviceInfo", **both)["Data"]["DeviceName"] == first.name
    assert fleet.api.call("QueryDeviceProp", **both)["Props"] == '{"which":"first"}'
    assert (fleet.status(first), fleet.status(second)) == ("DISABLE", "UNACTIVE")
    more = {"SaveDeviceProp": {"Props": '{"a":"b"}'}, "DeleteDeviceProp": {"PropKey": "a"}}
    for operation in (
        *("QueryDeviceInfo", "DisableThing", "EnableThing", "DeleteDevice"),
        *("SaveDeviceProp", "QueryDeviceProp", "DeleteDeviceProp"),
    ):
        given = more.get(operation, {})
        for half in ({}, {"DeviceName": first.name}, {"ProductKey": fleet.product}):
            assert fleet.api.refusal(operation, **given, **half) == "iot.device.NullDeviceName"
        assert fleet.api.refusal(operation, IotId="x" * 30, **given) == "iot.device.InvalidIoTId"
        unknown = fleet.api.refusal(operation, ProductKey=fleet.product, DeviceName="nobody", **given)
        assert unknown == "iot.device.NotExistedDevice"


@pytest.mark.rule("QueryDeviceInfo", "BatchGetDeviceState", "QueryDeviceByTags", "QueryDeviceStatistics")
def test_devices_of_a_deleted_product_are_told_no_more(fleet: Fleet) -> None:
    doomed = fleet.api.create_product(f"doomed_{fleet.product}")
    device = fleet.api.register(doomed, "device-1")
    fleet.api.call("SaveDeviceProp", IotId=device.iot_id, Props=f'{{"test":"{doomed}"}}')

    fleet.api.call("DeleteProduct", ProductKey=doomed)

    assert fleet.api.refusal("QueryDeviceInfo", IotId=device.iot_id) == "iot.device.InvalidIoTId"
    assert states(fleet, IotId=[device.iot_id]) == []
    found = fleet.api.call("QueryDeviceByTags", Tag=[{"TagKey": "test", "TagValue": doomed}])
    assert found["Total"] == 0
    assert fleet.api.refusal("QueryDeviceStatistics", ProductKey=doomed) == "iot.prod.NotExistedProduct"
