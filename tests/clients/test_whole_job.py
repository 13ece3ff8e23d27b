"""The whole job through each of the vendor's client libraries: product, devices, package, verification, update, cancel.

The devices are the strict ones of tests/support/device.py.
"""

import json
import random
from typing import Any

import pytest

from tests.support.api import Application, BusinessError, items, truth
from tests.support.device import CDevice
from tests.support.server import Server

pytestmark = pytest.mark.client

CONTENT = random.Random(1).randbytes(300_000)


@pytest.fixture(scope="module")
def product(application: Application, client: str) -> str:
    return application.create_product(f"product_{client.replace('-', '_')}")


def test_products_and_devices_are_found_again(application: Application, product: str, client: str) -> None:
    device = application.register(product, "found.again:1@x")

    listed = items(application.call("QueryProductList", CurrentPage=1, PageSize=200)["Data"]["List"], "ProductInfo")
    detail = application.call("QueryDeviceDetail", ProductKey=product, DeviceName=device.name)["Data"]
    status = application.call("GetDeviceStatus", IotId=device.iot_id)["Data"]
    page = items(application.call("QueryDevice", ProductKey=product, CurrentPage=1, PageSize=50)["Data"], "DeviceInfo")

    assert product in {found["ProductKey"] for found in listed}
    assert application.call("QueryProduct", ProductKey=product)["Data"]["ProductName"].startswith("product_")
    assert (detail["IotId"], detail["Status"], status["Status"]) == (device.iot_id, "UNACTIVE", "UNACTIVE")
    assert [found["DeviceName"] for found in page] == [device.name]


def test_devices_are_found_by_their_tags(application: Application, product: str, client: str) -> None:
    device = application.register(product, "tagged")
    tags = {"client": client, "coordinate": "104.07:30.54"}
    application.call("SaveDeviceProp", ProductKey=product, DeviceName=device.name, Props=json.dumps(tags))

    props = application.call("QueryDeviceProp", IotId=device.iot_id)["Props"]
    tag = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    found = application.call("QueryDeviceByTags", Tag=tag, CurrentPage=1, PageSize=10)

    # XML has an element for each tag (control-plane reference §9.5).
    assert (props if client == "classic-xml" else json.loads(props)) == tags
    assert [row["IotId"] for row in items(found["Data"], "SimpleDeviceInfo")] == [device.iot_id]


def test_devices_are_put_into_groups_and_searched(application: Application, product: str, client: str) -> None:
    devices = [application.register(product, f"grouped-{number}") for number in (1, 2)]
    name = f"组_{client.replace('-', '_')}"
    group = application.call("CreateDeviceGroup", GroupName=name)["Data"]["GroupId"]
    named = [{"ProductKey": product, "DeviceName": device.name} for device in devices]

    added = application.call("BatchAddDeviceGroupRelations", GroupId=group, Device=named)
    info = application.call("QueryDeviceGroupInfo", GroupId=group)["Data"]
    sentence = f"SELECT * FROM device WHERE group.group_id = '{group}' AND name LIKE \"grouped-%\""
    answer = application.call("QueryDeviceBySQL", SQL=sentence)
    counted = application.call("QueryDeviceBySQL", SQL=sentence.replace("*", "count(*)"))

    assert added["ErrorMessage"] == "2 devices have been added, and 0 devices failed to be added."
    assert (info["GroupName"], int(info["DeviceCount"])) == (name, 2)
    assert [found["DeviceName"] for found in items(answer, "Data")] == ["grouped-2", "grouped-1"]
    assert {row["GroupId"] for found in items(answer, "Data") for row in items(found, "Groups")} == {group}
    assert int(counted["TotalCount"]) == 2


def test_many_devices_with_names_are_registered_at_once(application: Application, client: str) -> None:
    product = application.create_product(f"named_{client.replace('-', '_')}")
    names = [f"meter-{number}" for number in range(300)]
    given = {"ProductKey": product, "DeviceName": names}
    apply_id = application.call("BatchCheckDeviceNames", **given)["Data"]["ApplyId"]
    application.wait_for_registration(product, apply_id, "CHECK_SUCCESS")
    application.call("BatchRegisterDeviceWithApplyId", ProductKey=product, ApplyId=apply_id)
    application.wait_for_registration(product, apply_id, "CREATE_SUCCESS")

    with pytest.raises(BusinessError) as refused:
        application.call("BatchCheckDeviceNames", ProductKey=product, DeviceName=["no", "twice", "twice"])

    assert [device.name for device in application.registered(product, apply_id, 300)] == names
    assert refused.value.code == "iot.device.InvalidDeviceNameExisted"
    data = refused.value.answer["Data"]
    invalid: list[Any] = items(data["InvalidDeviceNameList"], "InvalidDeviceName")
    repeated: list[Any] = items(data.get("RepeatedDeviceNameList"), "RepeatDevieNameList")
    assert invalid == ["no"]
    assert repeated == ([] if client == "sdk-2" else ["twice"])  # version 2 of the SDK does not know them


def test_many_devices_are_registered_at_once(application: Application, client: str) -> None:
    product = application.create_product(f"many_{client.replace('-', '_')}")

    devices = application.registered(product, application.register_many(product, 120), 120)

    assert len({device.name for device in devices}) == 120
    assert int(application.call("QueryProduct", ProductKey=product)["Data"]["DeviceCount"]) == 120


def test_a_package_is_what_was_uploaded(application: Application, product: str, client: str) -> None:
    name = f"固件-({client})"
    firmware = application.create_package(
        product, CONTENT, "1.9.0", FirmwareName=name, FirmwareDesc="a & b <c>", Udi='{"k":"v"}'
    )

    found = application.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]
    answer = application.call("ListOTAFirmware", ProductKey=product, CurrentPage=1, PageSize=10)
    listed = items(answer["FirmwareInfo"], "SimpleFirmwareInfo")

    assert (found["FirmwareName"], found["FirmwareDesc"]) == (name, "a & b <c>")
    assert found.get("Udi") == (None if client == "sdk-2" else '{"k":"v"}')  # version 2 of the SDK does not know it
    assert (int(found["FirmwareSize"]), int(found["Status"]), found["DestVersion"]) == (len(CONTENT), 0, "1.9.0")
    assert firmware in {package["FirmwareId"] for package in listed}
    assert int(answer["Total"]) == len(listed)


def test_a_fleet_is_verified_updated_and_partly_cancelled(
    application: Application, product: str, server: Server
) -> None:
    tester, *fleet = [application.register(product, f"fleet-{number}") for number in range(6)]
    firmware = application.create_package(product, CONTENT, "2.0.0")
    names = [device.name for device in fleet]
    for device in fleet:
        with CDevice(server.mqtt, device) as client:
            client.report_version("1.0.0", stored=True)

    with CDevice(server.mqtt, tester) as client:
        client.report_version("1.0.0", stored=True)
        refused = application.refusal(
            "CreateOTAStaticUpgradeJob", FirmwareId=firmware, ProductKey=product, TargetSelection="ALL"
        )
        verification = application.call(
            "CreateOTAVerifyJob", FirmwareId=firmware, ProductKey=product, TargetDeviceName=[tester.name]
        )["Data"]["JobId"]
        assert client.update() == CONTENT
    application.wait_for_job(verification)
    assert refused == "iot.firmware.FirmwareNotVerified"
    assert int(application.call("QueryOTAFirmware", FirmwareId=firmware)["FirmwareInfo"]["Status"]) == 1

    job = application.create_job(firmware, product, names, Tag=[{"Key": "reason", "Value": "test"}])
    application.wait_for_states(job, dict.fromkeys(names, "QUEUED"))
    application.call("CancelOTATaskByDevice", FirmwareId=firmware, ProductKey=product, DeviceName=names[:2], JobId=job)
    for device in fleet[2:]:
        with CDevice(server.mqtt, device) as client:
            client.report_version("1.0.0", stored=True)
            assert client.update() == CONTENT
    application.wait_for_job(job)

    assert application.states(job) == dict.fromkeys(names[:2], "CANCELED") | dict.fromkeys(names[2:], "SUCCEEDED")
    data = application.call("QueryOTAJob", JobId=job)["Data"]
    assert (data["JobStatus"], data["TargetSelection"], data["DestVersion"]) == ("COMPLETED", "SPECIFIC", "2.0.0")
    assert [(tag["Key"], tag["Value"]) for tag in items(data["Tags"], "OtaTagDTO")] == [("reason", "test")]
    answer = application.call("ListOTAJobByFirmware", FirmwareId=firmware, CurrentPage=1, PageSize=10)
    assert {found["JobId"] for found in items(answer["Data"], "SimpleOTAJobInfo")} == {verification, job}


def test_what_is_refused_is_refused_with_the_documented_code(application: Application, product: str) -> None:
    device = application.register(product, "refusals")
    firmware = application.create_package(product, b"x", "3.0.0", NeedToVerify=False)
    cancel = {"ProductKey": product, "DeviceName": [device.name]}
    verify = {"ProductKey": product, "TargetDeviceName": [device.name]}

    refusals = [
        application.refusal("QueryProduct", ProductKey="a1nothing00"),
        application.refusal("RegisterDevice", ProductKey=product, DeviceName=device.name),
        application.refusal("QueryOTAFirmware", FirmwareId="nothing"),
        application.refusal("CancelOTATaskByDevice", **cancel),
        application.refusal("CancelOTATaskByDevice", **cancel, FirmwareId=firmware),
        application.refusal("CreateOTAVerifyJob", **verify, FirmwareId=firmware),
        application.refusal("ListOTAFirmware", CurrentPage=0, PageSize=10),
        application.refusal("QueryProduct", ProductKey=product, IotInstanceId="iot-cn-another"),
    ]

    assert refusals == [
        "iot.prod.NotExistedProduct",
        "iot.device.AlreadyExistedDeviceName",
        "iot.firmware.FirmwareNotFound",
        "MissingFirmwareId",
        "iot.firmware.DeviceUpgradeRecordNotFound",
        "iot.firmware.VerifyFirmwareFailed",
        "iot.common.InvalidPageParams",
        "iot.Sre.IotInstanceNotFound",
    ]


def test_a_business_error_says_what_is_wrong(application: Application) -> None:
    with pytest.raises(BusinessError) as caught:
        application.call("QueryProduct", ProductKey="a1nothing00")

    assert not truth(caught.value.answer["Success"])
    assert caught.value.answer["ErrorMessage"]
    assert caught.value.answer["RequestId"] == caught.value.answer["RequestId"].upper()


def test_a_wrong_secret_is_refused(stranger: Application, client: str) -> None:
    code = stranger.refusal("QueryProductList", CurrentPage=1, PageSize=10)

    # The classic library recognises its own string to sign in the message and concludes that the secret is wrong.
    assert code == ("InvalidAccessKeySecret" if client == "classic-json" else "SignatureDoesNotMatch")
