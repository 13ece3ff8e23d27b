"""Products and devices (control-plane reference §9.1-9.3; device-plane reference §2.1)."""

import re
from typing import Any

import pytest

from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import items

BAD_PAGE = "iot.common.InvalidPageParams"


@pytest.mark.rule("CreateProduct", "QueryProduct")
def test_a_product_tells_what_it_was_made_with(fleet: Fleet) -> None:
    """§9.1 (CreateProduct, QueryProduct)."""
    made = fleet.api.call(
        "CreateProduct", ProductName=f"水表_{fleet.product[:4]}", NodeType=0, NetType="CELLULAR", Description="meter"
    )
    fleet.api.register(made["ProductKey"], "device-1")

    found = fleet.api.call("QueryProduct", ProductKey=made["ProductKey"])["Data"]

    assert made["Data"]["ProductKey"] == made["ProductKey"]
    assert re.fullmatch(r"[A-Za-z0-9]{11}", made["ProductKey"])
    assert (
        found.items()
        >= {
            "ProductName": made["Data"]["ProductName"],
            "ProductSecret": made["Data"]["ProductSecret"],
            "NodeType": 0,
            "NetType": 6,
            "AuthType": "secret",
            "Description": "meter",
            "DeviceCount": 1,
        }.items()
    )
    assert isinstance(found["GmtCreate"], int)


@pytest.mark.rule("CreateProduct")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"ProductName": "abc"}, "iot.prod.InvalidFormattedProductName"),
        ({"ProductName": "水" * 16}, "iot.prod.InvalidFormattedProductName"),
        ({"ProductName": "    "}, "iot.prod.NullProductName"),
        ({"ProductName": "with-dash"}, "iot.prod.InvalidFormattedProductName"),
        ({"NodeType": 2}, "iot.prod.InvalidNodeType"),
        ({"AliyunCommodityCode": "other"}, "iot.prod.InvalidAliyunCommodityCode"),
        ({"AliyunCommodityCode": "iothub_senior"}, "iot.prod.InvalidAliyunCommodityCode"),
        ({"Description": "d" * 101}, "iot.prod.LongProductDesc"),
    ],
    ids=str,
)
def test_a_bad_product_has_its_documented_code(fleet: Fleet, parameters: dict[str, Any], code: str) -> None:
    """§9.1, §8.5."""
    given = {"ProductName": "fine_name", "NodeType": 0} | parameters

    assert fleet.api.refusal("CreateProduct", **given) == code


@pytest.mark.rule("CreateProduct")
def test_a_product_name_is_unique(fleet: Fleet) -> None:
    """§9.1."""
    name = fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductName"]

    assert fleet.api.refusal("CreateProduct", ProductName=name, NodeType=0) == "iot.prod.AlreadyExistedProductName"


@pytest.mark.rule("QueryProductList")
def test_products_are_listed_newest_first(fleet: Fleet) -> None:
    """§9.1 (QueryProductList)."""
    newer = fleet.api.create_product(f"newer_{fleet.product}")
    fleet.api.register(newer, "device-1")

    data = fleet.api.call("QueryProductList", CurrentPage=1, PageSize=2)["Data"]

    assert [row["ProductKey"] for row in items(data["List"], "ProductInfo")] == [newer, fleet.product]
    assert items(data["List"], "ProductInfo")[0]["DeviceCount"] == 1
    assert data["Total"] >= 2
    assert fleet.api.refusal("QueryProductList", CurrentPage=1, PageSize=201) == BAD_PAGE


@pytest.mark.rule("RegisterDevice")
def test_a_device_without_a_name_gets_one(fleet: Fleet) -> None:
    """§9.2 (RegisterDevice), §1.6."""
    made = fleet.api.call("RegisterDevice", ProductKey=fleet.product, Nickname="水表_01")["Data"]

    assert re.fullmatch(r"[A-Za-z0-9]{20}", made["DeviceName"])
    assert re.fullmatch(r"[A-Za-z0-9]{32}", made["DeviceSecret"])
    assert re.fullmatch(r"[A-Za-z0-9]{30}", made["IotId"])
    assert fleet.api.call("QueryDeviceDetail", IotId=made["IotId"])["Data"]["Nickname"] == "水表_01"


@pytest.mark.rule("RegisterDevice")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("abc", "iot.device.InvalidFormattedDeviceName"),
        ("a" * 33, "iot.device.InvalidFormattedDeviceName"),
        ("with space", "iot.device.InvalidFormattedDeviceName"),
        ("taken", "iot.device.AlreadyExistedDeviceName"),
    ],
)
def test_a_device_name_has_its_form_and_is_unique_in_the_product(fleet: Fleet, name: str, code: str) -> None:
    """§9.2."""
    fleet.api.register(fleet.product, "taken")
    other = fleet.api.create_product(f"other_{fleet.product}")

    assert fleet.api.refusal("RegisterDevice", ProductKey=fleet.product, DeviceName=name) == code
    assert fleet.api.register(other, "taken").name == "taken"


@pytest.mark.rule("BatchRegisterDevice", "QueryBatchRegisterDeviceStatus", "QueryPageByApplyId")
def test_many_devices_are_registered_in_the_background(fleet: Fleet) -> None:
    """§9.2: BatchRegisterDevice -> QueryBatchRegisterDeviceStatus -> QueryPageByApplyId."""
    apply_id = fleet.api.register_many(fleet.product, 123)

    first = fleet.api.call("QueryPageByApplyId", ApplyId=apply_id)
    last = fleet.api.call("QueryPageByApplyId", ApplyId=apply_id, CurrentPage=3, PageSize=50)
    found = fleet.api.registered(fleet.product, apply_id, 123)

    assert (first["Page"], first["PageSize"], first["PageCount"], first["Total"]) == (1, 10, 13, 123)
    assert len(items(first["ApplyDeviceList"], "ApplyDeviceInfo")) == 10
    assert len(items(last["ApplyDeviceList"], "ApplyDeviceInfo")) == 23
    assert len({device.name for device in found}) == 123
    with ScriptedDevice(fleet.server.mqtt, found[122]) as client:
        client.say_version("1.0.0")
    assert fleet.api.version(found[122]) == "1.0.0"


@pytest.mark.rule("QueryBatchRegisterDeviceStatus")
def test_a_finished_registration_lists_no_bad_names(fleet: Fleet) -> None:
    """§9.2: the lists are filled only in failed states."""
    apply_id = fleet.api.register_many(fleet.product, 1)

    data = fleet.api.call("QueryBatchRegisterDeviceStatus", ProductKey=fleet.product, ApplyId=apply_id)["Data"]

    assert data["Status"] == "CREATE_SUCCESS"
    assert items(data["ValidList"], "Name") == items(data["InvalidList"], "Name") == []


@pytest.mark.rule("QueryBatchRegisterDeviceStatus", "QueryPageByApplyId")
def test_a_registration_that_does_not_exist_is_told(fleet: Fleet) -> None:
    """§8.5."""
    unknown = "iot.device.DeviceApplyIsNotFound"
    status = fleet.api.refusal("QueryBatchRegisterDeviceStatus", ProductKey=fleet.product, ApplyId=9_999_999)

    assert status == fleet.api.refusal("QueryPageByApplyId", ApplyId=9_999_999) == unknown
    for count in (0, 10_001):
        code = fleet.api.refusal("BatchRegisterDevice", ProductKey=fleet.product, Count=count)
        assert code == "iot.device.ApplyManyDevicesFailed"


@pytest.mark.rule("QueryDevice")
def test_devices_are_listed_newest_first_by_page_or_by_token(fleet: Fleet) -> None:
    """§9.3 (QueryDevice): NextToken goes on where the page before it ended."""
    made = [fleet.api.register(fleet.product, f"device-{number}").name for number in range(7)]

    def page(**more: Any) -> dict[str, Any]:
        return fleet.api.call("QueryDevice", ProductKey=fleet.product, PageSize=3, **more)

    def names(answer: dict[str, Any]) -> list[str]:
        return [row["DeviceName"] for row in items(answer["Data"], "DeviceInfo")]

    answer = page()
    by_token = names(answer)
    while token := answer.get("NextToken"):
        answer = page(NextToken=token)
        by_token += names(answer)
    by_page = [name for number in (1, 2, 3) for name in names(page(CurrentPage=number))]

    assert by_token == by_page == made[::-1]
    assert (answer["Total"], answer["PageCount"]) == (7, 3)
    assert names(page(CurrentPage=4)) == []


@pytest.mark.rule("QueryDevice")
def test_bad_pages_of_devices_are_refused(fleet: Fleet) -> None:
    """§9.3 (QueryDevice): 1-50 on a page; NextToken is needed above 10,000 rows."""
    for page in (
        {"CurrentPage": 0},
        {"PageSize": 51},
        {"CurrentPage": 201, "PageSize": 50},
        {"NextToken": "not a token"},
    ):
        assert fleet.api.refusal("QueryDevice", ProductKey=fleet.product, **page) == BAD_PAGE


@pytest.mark.rule("GetDeviceStatus", "QueryDeviceDetail")
def test_presence_is_unactive_online_offline(fleet: Fleet) -> None:
    """§9.3 (device status text, GetDeviceStatus)."""
    device = fleet.api.register(fleet.product, "device-1")
    before = fleet.api.call("GetDeviceStatus", ProductKey=fleet.product, DeviceName=device.name)["Data"]
    assert before["Status"] == "UNACTIVE"

    client = fleet.connect(device)
    online = fleet.api.call("GetDeviceStatus", IotId=device.iot_id)["Data"]
    assert online["Status"] == "ONLINE"
    assert online["Timestamp"] >= before["Timestamp"]

    client.drop()
    fleet.wait_for_status(device, "OFFLINE")
    detail = fleet.api.call("QueryDeviceDetail", IotId=device.iot_id)["Data"]
    assert (detail["Status"], detail["FirmwareVersion"], detail["IpAddress"]) == ("OFFLINE", "1.0.0", "127.0.0.1")
    assert detail["UtcActive"] == detail["UtcOnline"]


@pytest.mark.rule("devices")
def test_a_device_that_is_replaced_stays_online(fleet: Fleet) -> None:
    """device-plane §1.2: the end of the older connection is not the device's end."""
    device = fleet.api.register(fleet.product, "device-1")
    older = fleet.connect(device)

    newer = fleet.connect(device)
    older.drop()
    newer.say_version("1.0.1")

    assert fleet.status(device) == "ONLINE"
    assert fleet.api.version(device) == "1.0.1"


@pytest.mark.rule("QueryDeviceDetail")
def test_the_firmware_version_is_that_of_the_default_module(fleet: Fleet) -> None:
    """§9.3 (QueryDeviceDetail), device-plane §2.1: an explicit "default" is the same."""
    device = fleet.api.register(fleet.product, "device-1")
    client = fleet.connect(device, None)

    client.say_version("0.7", "MCU")
    assert "FirmwareVersion" not in fleet.api.call("QueryDeviceDetail", IotId=device.iot_id)["Data"]
    client.say_version("1.1.0", "default")
    assert fleet.api.version(device) == "1.1.0"
    client.say_version("1.2.0")

    assert fleet.api.version(device) == "1.2.0"


@pytest.mark.rule("devices")
def test_a_version_that_the_api_does_not_allow_is_not_stored(fleet: Fleet) -> None:
    """device-plane §2.1."""
    device = fleet.device()
    client = fleet.connect(device)

    client.report_version("2.0 beta")
    client.ping()

    assert fleet.api.version(device) == "1.0.0"


@pytest.mark.rule("QueryDeviceDetail", "GetDeviceStatus")
def test_a_device_is_named_by_iot_id_or_by_product_and_name(fleet: Fleet) -> None:
    """§9.3 (DEV): IotId wins; both halves of the other form are needed."""
    first, second = (fleet.api.register(fleet.product, f"device-{number}") for number in (1, 2))

    found = fleet.api.call("QueryDeviceDetail", IotId=first.iot_id, ProductKey=fleet.product, DeviceName=second.name)[
        "Data"
    ]

    assert found["DeviceName"] == first.name
    for operation in ("QueryDeviceDetail", "GetDeviceStatus"):
        assert fleet.api.refusal(operation) == "iot.device.NullDeviceName"
        assert fleet.api.refusal(operation, DeviceName=first.name) == "iot.device.NullDeviceName"
        assert fleet.api.refusal(operation, IotId="x" * 30) == "iot.device.InvalidIoTId"
        unknown = fleet.api.refusal(operation, ProductKey=fleet.product, DeviceName="nobody")
        assert unknown == "iot.device.NotExistedDevice"


@pytest.mark.rule("QueryDevice", "QueryDeviceDetail")
def test_times_have_the_formats_of_their_fields(fleet: Fleet) -> None:
    """§1.5: QueryDevice and QueryDeviceDetail write the same time in three ways."""
    device = fleet.device()

    [row] = items(fleet.api.call("QueryDevice", ProductKey=fleet.product)["Data"], "DeviceInfo")
    detail = fleet.api.call("QueryDeviceDetail", IotId=device.iot_id)["Data"]

    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d GMT", row["GmtCreate"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["UtcCreate"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", detail["GmtCreate"])
    assert detail["UtcCreate"] == row["UtcCreate"]
