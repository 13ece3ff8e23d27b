"""Dynamic groups of devices (control-plane reference §9.4, §8.5)."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.scenario.groups import listed, new_name, references, static
from tests.scenario.support import Accounts, Fleet
from tests.support.api import Device, items

MakeGroup = Callable[..., str]


@pytest.fixture
def instance(accounts: Accounts) -> str:
    """The name of the instance that all scenarios work in."""
    return accounts.instances("root")[0]


@pytest.fixture
def dynamic(fleet: Fleet, instance: str) -> Iterator[MakeGroup]:
    """Makes dynamic groups, of which an account has few: they go when the test ends."""
    made: list[str] = []

    def make(expression: str, **more: Any) -> str:
        parameters = {"IotInstanceId": instance, "GroupName": new_name(), "DynamicGroupExpression": expression}
        made.append(fleet.api.call("CreateDeviceDynamicGroup", **(parameters | more))["Data"]["GroupId"])
        return made[-1]

    yield make
    for group in made:
        fleet.api.call("DeleteDeviceDynamicGroup", IotInstanceId=instance, GroupId=group)


def matches(fleet: Fleet, instance: str, group: str, **filters: Any) -> list[str]:
    answer = fleet.api.call("QueryDynamicGroupDevices", IotInstanceId=instance, GroupId=group, **filters)
    return [item["DeviceName"] for item in items(answer["Data"], "SimpleDeviceInfo")]


@pytest.mark.rule("CreateDeviceDynamicGroup", "QueryDeviceGroupInfo", "QueryDeviceGroupList", "UpdateDeviceGroup")
def test_a_dynamic_group_tells_what_it_was_made_with(fleet: Fleet, instance: str, dynamic: MakeGroup) -> None:
    fleet.device()
    expression = f'product_key = "{fleet.product}" and name LIKE "devi%"'
    name = new_name()
    group = dynamic(expression, GroupName=name, GroupDesc="all of them")

    found = fleet.api.call("QueryDeviceGroupInfo", GroupId=group, GroupType="LINK_PLATFORM_DYNAMIC")["Data"]

    assert found["DynamicGroupExpression"] == expression
    assert (found["GroupName"], found["GroupDesc"]) == (name, "all of them")
    assert (found["DeviceCount"], found["DeviceActive"], found["DeviceOnline"]) == (1, 1, 0)
    assert name in listed(fleet, GroupTypes=["LINK_PLATFORM_DYNAMIC"])
    assert name not in listed(fleet)
    assert name in listed(fleet, GroupTypes=["LINK_PLATFORM", "LINK_PLATFORM_DYNAMIC"])
    fleet.api.call("UpdateDeviceGroup", GroupId=group, GroupType="LINK_PLATFORM_DYNAMIC", GroupDesc="other")
    again = fleet.api.call("QueryDeviceGroupInfo", GroupId=group, GroupType="LINK_PLATFORM_DYNAMIC")["Data"]
    assert again["GroupDesc"] == "other"


@pytest.mark.rule(
    "QueryDeviceGroupInfo",
    "DeleteDeviceGroup",
    "QueryDeviceListByDeviceGroup",
    "BatchAddDeviceGroupRelations",
    "DeleteDeviceDynamicGroup",
    "QueryDynamicGroupDevices",
)
def test_a_dynamic_group_is_none_of_the_static_ones(fleet: Fleet, instance: str, dynamic: MakeGroup) -> None:
    group = dynamic("status = 'ONLINE'")
    reference = references([Device(fleet.product, "device-1", "", "")])
    for action, more in (
        ("QueryDeviceGroupInfo", {}),
        ("DeleteDeviceGroup", {}),
        ("QueryDeviceListByDeviceGroup", {}),
        ("BatchAddDeviceGroupRelations", {"Device": reference}),
    ):
        assert fleet.api.refusal(action, GroupId=group, **more) == "iot.group.NotExistedGroup"
    for action in ("DeleteDeviceDynamicGroup", "QueryDynamicGroupDevices"):
        refused = fleet.api.refusal(action, GroupId=static(fleet), IotInstanceId=instance)
        assert refused == "iot.group.NotExistedGroup"
    bad_type = fleet.api.refusal("QueryDeviceGroupInfo", GroupId=group, GroupType="OTHER")
    assert bad_type == "iot.common.InvalidFormattedParameter"


@pytest.mark.rule("QueryDynamicGroupDevices")
def test_a_dynamic_group_follows_its_devices(fleet: Fleet, instance: str, dynamic: MakeGroup) -> None:
    group = dynamic(
        f"product_key = '{fleet.product}' AND ota_module.name = 'default' AND ota_module.version != '2.0.0'"
    )
    device = fleet.device("device-1")
    fleet.device("device-2", version="2.0.0")
    assert matches(fleet, instance, group) == ["device-1"]

    fleet.connect(device, "2.0.0")
    assert matches(fleet, instance, group) == []


@pytest.mark.rule("QueryDynamicGroupDevices")
def test_devices_of_a_dynamic_group_are_filtered(fleet: Fleet, instance: str, dynamic: MakeGroup) -> None:
    group = dynamic(f"product_key = '{fleet.product}'")
    offline = fleet.device("meter-1")
    for name in ("meter-10", "valve-1"):
        fleet.api.register(fleet.product, name)

    assert matches(fleet, instance, group) == ["valve-1", "meter-10", "meter-1"]
    assert matches(fleet, instance, group, ProductKey=fleet.product, DeviceName="meter-1") == ["meter-1"]
    assert matches(fleet, instance, group, DeviceName="meter-1", FuzzyName=True) == ["meter-10", "meter-1"]
    assert matches(fleet, instance, group, Status="UNACTIVE") == ["valve-1", "meter-10"]
    assert matches(fleet, instance, group, Status="OFFLINE") == [offline.name]
    assert matches(fleet, instance, group, ProductKey="unknown") == []
    for bad in ({"DeviceName": "met", "FuzzyName": True}, {"Status": "online"}):
        code = fleet.api.refusal("QueryDynamicGroupDevices", IotInstanceId=instance, GroupId=group, **bad)
        assert code == "iot.common.InvalidFormattedParameter"


@pytest.mark.rule("QueryDynamicGroupDevices")
def test_devices_of_a_dynamic_group_are_paged_by_number_and_by_token(
    fleet: Fleet, instance: str, dynamic: MakeGroup
) -> None:
    group = dynamic(f"product_key = '{fleet.product}'")
    for number in range(1, 6):
        fleet.api.register(fleet.product, f"device-{number}")
    asked: dict[str, Any] = {"IotInstanceId": instance, "GroupId": group, "PageSize": 2}
    assert matches(fleet, instance, group, PageSize=2, CurrentPage=3) == ["device-1"]

    seen: list[str] = []
    token = None
    while True:
        more: dict[str, Any] = {"NextToken": token} if token else {}
        answer = fleet.api.call("QueryDynamicGroupDevices", **asked, **more)
        assert (answer["Total"], answer["PageCount"]) == (5, 3)
        seen += [item["DeviceName"] for item in items(answer["Data"], "SimpleDeviceInfo")]
        token = answer.get("NextToken")
        if token is None:
            break

    assert seen == [f"device-{number}" for number in (5, 4, 3, 2, 1)]
    for bad in ({"NextToken": "nonsense"}, {"PageSize": 201}, {"CurrentPage": 5_001}):
        assert fleet.api.refusal("QueryDynamicGroupDevices", **(asked | bad)) == "iot.common.InvalidPageParams"


@pytest.mark.rule("QueryDynamicGroupDevices")
def test_a_device_of_a_dynamic_group_is_told_in_full(fleet: Fleet, instance: str, dynamic: MakeGroup) -> None:
    device = fleet.device()
    group = dynamic(f"name = 'device-1' AND product_key = '{fleet.product}'")
    detail = fleet.api.call("QueryDeviceDetail", IotId=device.iot_id)["Data"]

    answer = fleet.api.call("QueryDynamicGroupDevices", IotInstanceId=instance, GroupId=group)

    [found] = items(answer["Data"], "SimpleDeviceInfo")
    assert found == {
        "ProductKey": fleet.product,
        "ProductName": detail["ProductName"],
        "DeviceName": "device-1",
        "IotId": device.iot_id,
        "NodeType": 0,
        "Status": "OFFLINE",
        "ActiveTime": detail["GmtActive"],
        "LastOnlineTime": detail["GmtOnline"],
        "UtcActiveTime": detail["UtcActive"],
        "UtcLastOnlineTime": detail["UtcOnline"],
    }


@pytest.mark.rule("CreateDeviceDynamicGroup")
@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("", "Error"),
        ("SELECT * FROM device WHERE name = 'a'", "Error"),
        ("name = 'a' ORDER BY gmt_create", "Error"),
        ("colour = 'red'", "FieldError"),
        ("name > 'a'", "OperatorTypeError"),
        ("status = 'SLEEPING'", "ParamError"),
        ("OR".join([" name = 'a' "] * 6), "ConditionError"),
    ],
)
def test_an_expression_is_checked_when_the_group_is_made(
    fleet: Fleet, instance: str, expression: str, code: str
) -> None:
    parameters = {"IotInstanceId": instance, "GroupName": new_name(), "DynamicGroupExpression": expression}
    assert fleet.api.refusal("CreateDeviceDynamicGroup", **parameters) == f"iot.devicesearch.InvalidSQL{code}"


@pytest.mark.rule("CreateDeviceDynamicGroup", "DeleteDeviceDynamicGroup")
def test_an_account_has_ten_dynamic_groups_at_most(fleet: Fleet, instance: str, dynamic: MakeGroup) -> None:
    for _ in range(10):
        dynamic("status = 'ONLINE'")
    parameters = {"IotInstanceId": instance, "GroupName": new_name(), "DynamicGroupExpression": "status = 'ONLINE'"}
    assert fleet.api.refusal("CreateDeviceDynamicGroup", **parameters) == "iot.group.GroupCountExceedMax"


@pytest.mark.rule("CreateDeviceDynamicGroup", "DeleteDeviceDynamicGroup", "QueryDynamicGroupDevices")
@pytest.mark.parametrize("action", ["CreateDeviceDynamicGroup", "DeleteDeviceDynamicGroup", "QueryDynamicGroupDevices"])
def test_operations_on_dynamic_groups_name_the_instance(fleet: Fleet, action: str) -> None:
    parameters = {"GroupName": "fine_name", "DynamicGroupExpression": "name = 'a'", "GroupId": "unknown"}
    assert fleet.api.refusal(action, **parameters) == "MissingIotInstanceId"
