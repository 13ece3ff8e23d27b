"""Devices with names of their own, by the thousand (control-plane reference §9.2)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pytest

from tests.scenario.support import Accounts, Fleet, ScriptedDevice, application
from tests.support.api import BusinessError, items
from tests.support.server import wait_until

pytestmark = pytest.mark.rule(
    "BatchCheckDeviceNames", "BatchRegisterDeviceWithApplyId", "QueryBatchRegisterDeviceStatus", "QueryPageByApplyId"
)

MANY: Final = 10_000
ENDED: Final = {"CHECK_SUCCESS", "CHECK_FAILED", "CREATE_SUCCESS", "CREATE_FAILED"}


def check(fleet: Fleet, *names: str) -> int:
    """BatchCheckDeviceNames, as far as it is not refused."""
    answer = fleet.api.call("BatchCheckDeviceNames", ProductKey=fleet.product, DeviceName=list(names))
    return int(answer["Data"]["ApplyId"])


def refused_check(fleet: Fleet, **parameters: Any) -> tuple[str, Mapping[str, Any]]:
    """The code and the lists with which names are refused."""
    with pytest.raises(BusinessError) as caught:
        fleet.api.call("BatchCheckDeviceNames", ProductKey=fleet.product, **parameters)
    return caught.value.code, caught.value.answer["Data"]


def create(fleet: Fleet, apply_id: int) -> None:
    """BatchRegisterDeviceWithApplyId."""
    answer = fleet.api.call("BatchRegisterDeviceWithApplyId", ProductKey=fleet.product, ApplyId=apply_id)
    assert answer["Data"]["ApplyId"] == apply_id


def state(fleet: Fleet, apply_id: int) -> dict[str, Any]:
    """`Data` of QueryBatchRegisterDeviceStatus."""
    data: dict[str, Any] = fleet.api.call("QueryBatchRegisterDeviceStatus", ProductKey=fleet.product, ApplyId=apply_id)[
        "Data"
    ]
    return data


def end(fleet: Fleet, apply_id: int) -> str:
    """Waits until a check or a registration has ended, and tells how."""
    wait_until(lambda: state(fleet, apply_id)["Status"] in ENDED, interval=0.02, what="the end of the registration")
    return str(state(fleet, apply_id)["Status"])


def registered(fleet: Fleet, apply_id: int) -> list[str]:
    """The first devices of a registration."""
    answer = fleet.api.call("QueryPageByApplyId", ApplyId=apply_id, PageSize=50)
    return [row["DeviceName"] for row in items(answer["ApplyDeviceList"], "ApplyDeviceInfo")]


def names(data: Mapping[str, Any], *path: str) -> Sequence[str]:
    """A list of names in its wrapper."""
    holder, item = path
    return list(data[holder][item])


def test_names_are_checked_then_registered_then_listed_with_their_secrets(fleet: Fleet) -> None:
    apply_id = check(fleet, "meter-1", "meter-2", "Az09-_@.:")
    assert end(fleet, apply_id) == "CHECK_SUCCESS"
    assert registered(fleet, apply_id) == []

    create(fleet, apply_id)
    assert end(fleet, apply_id) == "CREATE_SUCCESS"

    assert registered(fleet, apply_id) == ["meter-1", "meter-2", "Az09-_@.:"]
    [device] = [found for found in fleet.api.registered(fleet.product, str(apply_id), 3) if found.name == "meter-2"]
    with ScriptedDevice(fleet.server.mqtt, device) as client:
        client.say_version("1.0.0")
    assert fleet.api.version(device) == "1.0.0"


def test_lists_are_empty_unless_something_failed(fleet: Fleet) -> None:
    apply_id = check(fleet, "meter-1")
    end(fleet, apply_id)

    data = state(fleet, apply_id)

    assert names(data, "ValidList", "Name") == names(data, "InvalidList", "Name") == []
    assert data["InvalidDetailList"]["invalidDetailList"] == []


def test_names_may_come_with_nicknames_which_win_over_bare_names(fleet: Fleet) -> None:
    listed = [{"DeviceName": "meter-1", "DeviceNickname": "水表_1"}, {"DeviceName": "meter-2"}]
    answer = fleet.api.call(
        "BatchCheckDeviceNames", ProductKey=fleet.product, DeviceName=["ignored"], DeviceNameList=listed
    )
    apply_id = int(answer["Data"]["ApplyId"])
    end(fleet, apply_id)
    create(fleet, apply_id)
    end(fleet, apply_id)

    details = [
        fleet.api.call("QueryDeviceDetail", ProductKey=fleet.product, DeviceName=name)["Data"]
        for name in registered(fleet, apply_id)
    ]

    assert [(detail["DeviceName"], detail.get("Nickname")) for detail in details] == [
        ("meter-1", "水表_1"),
        ("meter-2", None),
    ]


def test_bad_names_are_told_at_once_with_the_code_and_nothing_begins(fleet: Fleet) -> None:
    code, data = refused_check(fleet, DeviceName=["meter-1", "no", "twice", "with blank", "twice"])

    assert code == "iot.device.InvalidDeviceNameExisted"
    assert "ApplyId" not in data
    assert names(data, "InvalidDeviceNameList", "InvalidDeviceName") == ["no", "with blank"]
    assert names(data, "RepeatedDeviceNameList", "RepeatDevieNameList") == ["twice"]
    assert names(data, "InvalidDeviceNicknameList", "InvalidDeviceNickname") == []
    details = data["InvalidDetailList"]["InvalidDetailList"]
    assert [detail["DeviceName"] for detail in details] == ["no", "twice", "with blank", "twice"]
    assert all(detail["ErrorMsg"] for detail in details)


def test_bad_nicknames_are_told_at_once(fleet: Fleet) -> None:
    listed = [
        {"DeviceName": "meter-1", "DeviceNickname": "n" * 65},
        {"DeviceName": "meter-2", "DeviceNickname": "nickname"},
        {"DeviceName": "meter-3", "DeviceNickname": "水"},
    ]
    code, data = refused_check(fleet, DeviceNameList=listed)

    assert code == "iot.device.InvalidDeviceNickNameExisted"
    assert names(data, "InvalidDeviceNicknameList", "InvalidDeviceNickname") == ["n" * 65, "水"]
    details = data["InvalidDetailList"]["InvalidDetailList"]
    assert [(detail["DeviceName"], detail["NickName"]) for detail in details] == [
        ("meter-1", "n" * 65),
        ("meter-3", "水"),
    ]


def test_a_list_that_is_empty_or_too_long_is_refused(fleet: Fleet) -> None:
    none = fleet.api.refusal("BatchCheckDeviceNames", ProductKey=fleet.product)
    many = fleet.api.refusal(
        "BatchCheckDeviceNames", ProductKey=fleet.product, DeviceName=[f"n{number:05}" for number in range(MANY + 1)]
    )

    assert (none, many) == ("iot.device.NoneDeviceNameElement", "iot.device.ApplyManyDevicesFailed")


def test_names_that_are_taken_fail_the_check(fleet: Fleet) -> None:
    fleet.api.register(fleet.product, "meter-2")
    apply_id = check(fleet, "meter-1", "meter-2", "meter-3")

    assert end(fleet, apply_id) == "CHECK_FAILED"

    data = state(fleet, apply_id)
    assert names(data, "ValidList", "Name") == ["meter-1", "meter-3"]
    assert names(data, "InvalidList", "Name") == ["meter-2"]
    [detail] = data["InvalidDetailList"]["invalidDetailList"]
    assert detail["DeviceName"] == "meter-2"
    assert detail["ErrorMsg"]
    refused = fleet.api.refusal("BatchRegisterDeviceWithApplyId", ProductKey=fleet.product, ApplyId=apply_id)
    assert refused == "iot.device.IncorrentDeviceApplyInfo"


def test_names_that_are_taken_after_the_check_fail_and_the_others_are_registered(fleet: Fleet) -> None:
    apply_id = check(fleet, "meter-1", "meter-2", "meter-3")
    end(fleet, apply_id)
    fleet.api.register(fleet.product, "meter-2")

    create(fleet, apply_id)

    assert end(fleet, apply_id) == "CREATE_FAILED"
    data = state(fleet, apply_id)
    assert names(data, "ValidList", "Name") == registered(fleet, apply_id) == ["meter-1", "meter-3"]
    assert names(data, "InvalidList", "Name") == ["meter-2"]


def test_a_registration_is_carried_out_once_and_for_its_own_product(fleet: Fleet) -> None:
    apply_id = check(fleet, "meter-1")
    end(fleet, apply_id)
    other = fleet.api.create_product(f"other_{fleet.product}")

    foreign = fleet.api.refusal("BatchRegisterDeviceWithApplyId", ProductKey=other, ApplyId=apply_id)
    create(fleet, apply_id)
    end(fleet, apply_id)
    again = fleet.api.refusal("BatchRegisterDeviceWithApplyId", ProductKey=fleet.product, ApplyId=apply_id)
    unknown = fleet.api.refusal("BatchRegisterDeviceWithApplyId", ProductKey=fleet.product, ApplyId=9_999_999)
    malformed = fleet.api.refusal("BatchRegisterDeviceWithApplyId", ProductKey=fleet.product, ApplyId=-1)

    assert foreign == again == "iot.device.IncorrentDeviceApplyInfo"
    assert unknown == "iot.device.DeviceApplyIsNotFound"
    assert malformed == "iot.device.InvalidFormattedApplyId"


def test_ten_thousand_names_with_nicknames_are_one_call(fleet: Fleet) -> None:
    """What the worker has begun, and is at for a while, is not begun a second time."""
    listed = [{"DeviceName": f"{number:032}", "DeviceNickname": f"水{number:030}"} for number in range(MANY)]
    answer = fleet.api.call("BatchCheckDeviceNames", ProductKey=fleet.product, DeviceNameList=listed)
    apply_id = int(answer["Data"]["ApplyId"])
    assert end(fleet, apply_id) == "CHECK_SUCCESS"

    create(fleet, apply_id)
    again = fleet.api.refusal("BatchRegisterDeviceWithApplyId", ProductKey=fleet.product, ApplyId=apply_id)

    assert again == "iot.device.CreateDeviceTaskIsRunning"
    assert end(fleet, apply_id) == "CREATE_SUCCESS"
    answer = fleet.api.call("QueryPageByApplyId", ApplyId=apply_id, CurrentPage=200, PageSize=50)
    assert (answer["Total"], answer["PageCount"]) == (MANY, 200)
    assert items(answer["ApplyDeviceList"], "ApplyDeviceInfo")[-1]["DeviceName"] == f"{MANY - 1:032}"


def test_another_account_sees_nothing_of_a_registration(fleet: Fleet, accounts: Accounts) -> None:
    apply_id = check(fleet, "meter-1")
    stranger = application(accounts.create(f"stranger-{fleet.product}"))

    assert stranger.refusal("QueryPageByApplyId", ApplyId=apply_id) == "iot.device.DeviceApplyIsNotFound"
    for operation in ("BatchRegisterDeviceWithApplyId", "QueryBatchRegisterDeviceStatus"):
        refused = stranger.refusal(operation, ProductKey=fleet.product, ApplyId=apply_id)
        assert refused == "iot.prod.NotExistedProduct"
