"""Groups of devices (control-plane reference §9.4, §8.5)."""

from typing import Any

import pytest

from tests.scenario.groups import listed, new_name, references, static
from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import Device, items


def add(fleet: Fleet, group: str, *devices: Device) -> dict[str, Any]:
    """The counts that BatchAddDeviceGroupRelations answers, and its sentence."""
    answer = fleet.api.call("BatchAddDeviceGroupRelations", GroupId=group, Device=references(list(devices)))
    return {name: value for name, value in answer.items() if name not in {"RequestId", "Success"}}


def members(fleet: Fleet, group: str) -> list[str]:
    answer = fleet.api.call("QueryDeviceListByDeviceGroup", GroupId=group, CurrentPage=1, PageSize=50)
    return [item["DeviceName"] for item in items(answer["Data"], "SimpleDeviceInfo")]


def groups_of(fleet: Fleet, device: Device) -> list[str]:
    answer = fleet.api.call("QueryDeviceGroupByDevice", ProductKey=device.product_key, DeviceName=device.name)
    return [item["GroupId"] for item in items(answer["GroupInfos"], "GroupInfo")]


@pytest.mark.rule("CreateDeviceGroup", "QueryDeviceGroupInfo")
def test_a_group_tells_what_it_was_made_with(fleet: Fleet) -> None:
    name = new_name()
    made = fleet.api.call("CreateDeviceGroup", GroupName=name, GroupDesc="on the roof")["Data"]
    found = fleet.api.call("QueryDeviceGroupInfo", GroupId=made["GroupId"])["Data"]

    assert len(made["GroupId"]) == 16
    assert found == {
        "GroupId": made["GroupId"],
        "GroupName": name,
        "GroupDesc": "on the roof",
        "UtcCreate": made["UtcCreate"],
        "DeviceCount": 0,
        "DeviceActive": 0,
        "DeviceOnline": 0,
    }


@pytest.mark.rule("CreateDeviceGroup")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"GroupName": "abc"}, "iot.group.InvalidGroupName"),
        ({"GroupName": "组" * 16}, "iot.group.InvalidGroupName"),
        ({"GroupName": "with-dash"}, "iot.group.InvalidGroupName"),
        ({"GroupDesc": "d" * 101}, "iot.group.LongGroupDescError"),
        ({"SuperGroupId": "unknown"}, "iot.group.NotExistedGroup"),
    ],
    ids=str,
)
def test_a_bad_group_has_its_documented_code(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    assert fleet.api.refusal("CreateDeviceGroup", **({"GroupName": "fine_name"} | parameters)) == code


@pytest.mark.rule("CreateDeviceGroup")
def test_a_group_name_is_unique(fleet: Fleet) -> None:
    name = new_name()
    static(fleet, name)
    assert fleet.api.refusal("CreateDeviceGroup", GroupName=name) == "iot.group.GroupNameExisted"


@pytest.mark.rule("CreateDeviceGroup", "DeleteDeviceGroup", "QueryDeviceGroupInfo")
def test_groups_are_three_levels_deep_and_deleted_from_below(fleet: Fleet) -> None:
    top = static(fleet)
    middle = static(fleet, SuperGroupId=top)
    bottom = static(fleet, SuperGroupId=middle)

    refused = fleet.api.refusal("CreateDeviceGroup", GroupName=new_name(), SuperGroupId=bottom)
    assert refused == "iot.group.GroupLevelExceedingLimitError"
    assert fleet.api.refusal("DeleteDeviceGroup", GroupId=top) == "iot.group.SubGroupNotNull"
    for group in (bottom, middle, top):
        fleet.api.call("DeleteDeviceGroup", GroupId=group)
        assert fleet.api.refusal("QueryDeviceGroupInfo", GroupId=group) == "iot.group.NotExistedGroup"


@pytest.mark.rule("UpdateDeviceGroup")
def test_only_the_description_of_a_group_changes(fleet: Fleet) -> None:
    group = static(fleet, GroupDesc="before")
    fleet.api.call("UpdateDeviceGroup", GroupId=group, GroupDesc="after")
    assert fleet.api.call("QueryDeviceGroupInfo", GroupId=group)["Data"]["GroupDesc"] == "after"

    code = fleet.api.refusal("UpdateDeviceGroup", GroupId=group, GroupDesc="d" * 101)
    assert code == "iot.group.LongGroupDescError"


@pytest.mark.rule("QueryDeviceGroupList")
def test_groups_are_listed_newest_first_by_name_and_by_what_they_are_in(fleet: Fleet) -> None:
    mark = fleet.product[:8]
    top = static(fleet, f"one_{mark}")
    static(fleet, f"two_{mark}", SuperGroupId=top)
    static(fleet, f"水表_{mark}", SuperGroupId=top)

    assert listed(fleet, GroupName=mark) == [f"水表_{mark}", f"two_{mark}", f"one_{mark}"]
    assert listed(fleet, GroupName=f"水表_{mark[:3]}") == [f"水表_{mark}"]
    assert listed(fleet, GroupName=mark, SuperGroupId=top) == [f"水表_{mark}", f"two_{mark}"]
    assert listed(fleet, GroupName=mark, CurrentPage=2, PageSize=2) == [f"one_{mark}"]
    assert listed(fleet, GroupName="%") == []
    assert fleet.api.refusal("QueryDeviceGroupList", PageSize=201) == "iot.common.InvalidPageParams"
    assert fleet.api.refusal("QueryDeviceGroupList", SuperGroupId="unknown") == "iot.group.NotExistedGroup"


@pytest.mark.rule("BatchAddDeviceGroupRelations")
def test_adding_devices_to_a_group_is_counted(fleet: Fleet) -> None:
    group = static(fleet)
    one, two = (fleet.api.register(fleet.product, f"device-{number}") for number in (1, 2))
    unknown = Device(fleet.product, "unknown", "", "")
    add(fleet, group, one)

    assert add(fleet, group, one, two, unknown) == {
        "ValidDeviceCount": 2,
        "SuccessAddedDeviceCount": 1,
        "AlreadyRelatedGroupDeviceCount": 1,
        "ExceedTenGroupDeviceCount": 0,
        "ErrorMessage": "1 devices have been added, and 2 devices failed to be added.",
    }
    assert members(fleet, group) == ["device-2", "device-1"]


@pytest.mark.rule("BatchAddDeviceGroupRelations", "QueryDeviceGroupByDevice")
def test_a_device_is_in_ten_groups_at_most(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    ten = [static(fleet) for _ in range(10)]
    for group in ten:
        add(fleet, group, device)

    result = add(fleet, static(fleet), device)

    assert (result["SuccessAddedDeviceCount"], result["ExceedTenGroupDeviceCount"]) == (0, 1)
    assert groups_of(fleet, device) == ten[::-1]


@pytest.mark.rule("BatchAddDeviceGroupRelations", "BatchDeleteDeviceGroupRelations")
@pytest.mark.parametrize("action", ["BatchAddDeviceGroupRelations", "BatchDeleteDeviceGroupRelations"])
def test_up_to_200_devices_are_named_in_one_call(fleet: Fleet, action: str) -> None:
    group = static(fleet)
    named = references([Device(fleet.product, f"device-{number}", "", "") for number in range(201)])

    assert fleet.api.call(action, GroupId=group, Device=named[:200])["ValidDeviceCount"] == 0
    assert fleet.api.refusal(action, GroupId=group, Device=named) == "iot.common.InvalidFormattedParameter"
    assert fleet.api.refusal(action, GroupId=group) == "iot.common.InvalidFormattedParameter"
    assert fleet.api.refusal(action, GroupId="unknown", Device=named[:1]) == "iot.group.NotExistedGroup"
    assert fleet.api.refusal(action, GroupId=" ", Device=named[:1]) == "iot.group.NullGroupId"


@pytest.mark.rule("BatchDeleteDeviceGroupRelations", "QueryDeviceGroupByDevice")
def test_devices_are_taken_out_of_a_group(fleet: Fleet) -> None:
    group = static(fleet)
    one, two = (fleet.api.register(fleet.product, f"device-{number}") for number in (1, 2))
    add(fleet, group, one)

    result = fleet.api.call("BatchDeleteDeviceGroupRelations", GroupId=group, Device=references([one, two]))

    assert (result["ValidDeviceCount"], result["SuccessDeviceCount"]) == (2, 1)
    assert "ErrorMessage" not in result
    assert members(fleet, group) == []
    assert groups_of(fleet, one) == []


@pytest.mark.rule("QueryDeviceGroupInfo")
def test_a_group_counts_its_devices_by_state(fleet: Fleet) -> None:
    group = static(fleet)
    offline, online = fleet.devices(2)
    fleet.connect(online)
    add(fleet, group, offline, online, fleet.api.register(fleet.product, "never-online"))

    found = fleet.api.call("QueryDeviceGroupInfo", GroupId=group)["Data"]

    assert (found["DeviceCount"], found["DeviceActive"], found["DeviceOnline"]) == (3, 2, 1)


@pytest.mark.rule("QueryDeviceListByDeviceGroup")
def test_a_list_of_a_group_tells_the_products_of_its_devices(fleet: Fleet) -> None:
    group = static(fleet)
    device = fleet.api.register(fleet.product, "device-1")
    name = fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductName"]
    add(fleet, group, device)

    answer = fleet.api.call("QueryDeviceListByDeviceGroup", GroupId=group)

    assert (answer["Page"], answer["PageSize"], answer["PageCount"], answer["Total"]) == (1, 10, 1, 1)
    assert items(answer["Data"], "SimpleDeviceInfo") == [
        {"ProductKey": fleet.product, "ProductName": name, "DeviceName": "device-1", "IotId": device.iot_id}
    ]


@pytest.mark.rule(
    "accounts", "QueryDeviceGroupInfo", "DeleteDeviceGroup", "QueryDeviceGroupList", "BatchAddDeviceGroupRelations"
)
def test_another_account_sees_no_group_and_brings_none_in(fleet: Fleet, accounts: Accounts) -> None:
    group = static(fleet)
    device = fleet.api.register(fleet.product, "device-1")
    stranger = application(accounts.create(f"stranger_{new_name()}"))
    own = stranger.call("CreateDeviceGroup", GroupName="own_group")["Data"]["GroupId"]

    assert stranger.refusal("QueryDeviceGroupInfo", GroupId=group) == "iot.group.NotExistedGroup"
    assert stranger.refusal("DeleteDeviceGroup", GroupId=group) == "iot.group.NotExistedGroup"
    listed_there = stranger.call("QueryDeviceGroupList")
    assert [item["GroupId"] for item in items(listed_there["Data"], "GroupInfo")] == [own]
    added = stranger.call("BatchAddDeviceGroupRelations", GroupId=own, Device=references([device]))
    assert added["ValidDeviceCount"] == 0
