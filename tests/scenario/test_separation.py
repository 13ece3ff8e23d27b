"""Accounts and instances do not see each other (issue's points 4-6, control-plane reference §1.1, §8.4)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from skyferry.operations import OPERATIONS
from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import Application, BusinessError, items, send_form
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("accounts")

UNKNOWN_PRODUCT = "iot.prod.NotExistedProduct"
UNKNOWN_PACKAGE = "iot.firmware.FirmwareNotFound"
UNKNOWN_TASK = "iot.firmware.InvalidOTATaskId"
UNKNOWN_SUBSCRIPTION = "iot.event.SubscriptionNotFound"
UNKNOWN_JOB = "iot.firmware.InvalidOTAJobId"
UNKNOWN_DEVICE = "iot.device.InvalidIoTId"
UNKNOWN_GROUP = "iot.group.NotExistedGroup"


@dataclass
class Property:
    """What the first account has: everything that a request can name."""

    product: str
    firmware: str
    job: str
    task: str
    device: str
    iot_id: str
    apply_id: str
    file_url: str
    subscription: str
    group: str
    dynamic_group: str


@pytest.fixture
def theirs(fleet: Fleet, accounts: Accounts) -> Iterator[Property]:
    """A product, a package, a job, a device and groups of the root account's default instance."""
    apply_id = fleet.api.register_many(fleet.product, 1)
    device = fleet.device()
    firmware = fleet.package()
    job = fleet.job(firmware, [device])
    task = fleet.task(job, device)["TaskId"]
    target = {"Target": "http://127.0.0.1:9/", "Type": ["module.version"]}
    subscription = fleet.api.call("CreateEventSubscription", **target)["Data"]["SubscriptionId"]
    fleet.api.call("CreateOTAModule", ProductKey=fleet.product, ModuleName="MCU")
    fleet.api.call("SaveDeviceProp", IotId=device.iot_id, Props='{"owner":"root"}')
    group = fleet.api.call("CreateDeviceGroup", GroupName=f"sep_{fleet.product}")["Data"]["GroupId"]
    there = {"IotInstanceId": accounts.instances("root")[0]}
    expression = f'product_key = "{fleet.product}"'
    dynamic_group = fleet.api.call(
        "CreateDeviceDynamicGroup", **there, GroupName=f"dyn_{fleet.product}", DynamicGroupExpression=expression
    )["Data"]["GroupId"]
    yield Property(
        fleet.product,
        firmware,
        job,
        task,
        device.name,
        device.iot_id,
        apply_id,
        fleet.file_url,
        subscription,
        group,
        dynamic_group,
    )
    fleet.api.call("DeleteEventSubscription", SubscriptionId=subscription)
    fleet.api.call("DeleteDeviceDynamicGroup", **there, GroupId=dynamic_group)


def foreign_calls(theirs: Property, instance: str) -> Mapping[str, tuple[Mapping[str, Any], str]]:
    """For each operation that names something: a request for the other's, and the code that hides it.

    Args:
        theirs: what the other has.
        instance: the caller's own instance, which operations on dynamic groups have to name.
    """
    product = {"ProductKey": theirs.product}
    package = product | {"FirmwareId": theirs.firmware}
    device = product | {"DeviceName": theirs.device}
    page = {"CurrentPage": 1, "PageSize": 10}
    module = product | {"ModuleName": "MCU"}
    subscription = {"SubscriptionId": theirs.subscription}
    new = {"FirmwareName": "stolen", "DestVersion": "9", "FirmwareUrl": theirs.file_url}
    iot_id, job, group = {"IotId": theirs.iot_id}, {"JobId": theirs.job}, {"GroupId": theirs.group}
    dynamic_group = {"GroupId": theirs.dynamic_group, "IotInstanceId": instance}
    added = device | {"ClientId": "c", "Timestamp": "1", "SignMethod": "hmacSha1", "Sign": "00"}
    return {
        "UpdateProduct": (product | {"ProductName": "stolen"}, UNKNOWN_PRODUCT),
        "DeleteProduct": (product, UNKNOWN_PRODUCT),
        "BatchUpdateDeviceNickname": ({"DeviceNicknameInfo": [iot_id | {"Nickname": "stolen"}]}, UNKNOWN_DEVICE),
        "GetThingTopo": (iot_id | {"PageNo": 1, "PageSize": 10}, UNKNOWN_DEVICE),
        "GetGatewayBySubDevice": (iot_id, UNKNOWN_DEVICE),
        "RemoveThingTopo": (iot_id, UNKNOWN_DEVICE),
        "NotifyAddThingTopo": ({"GwIotId": theirs.iot_id, "DeviceListStr": "[{}]"}, UNKNOWN_DEVICE),
        "BatchAddThingTopo": (
            {"GwProductKey": theirs.product, "GwDeviceName": theirs.device, "TopoAddItem": [added]},
            UNKNOWN_PRODUCT,
        ),
        "DisableThing": (iot_id, UNKNOWN_DEVICE),
        "EnableThing": (iot_id, UNKNOWN_DEVICE),
        "DeleteDevice": (iot_id, UNKNOWN_DEVICE),
        "ResetThing": (iot_id, UNKNOWN_DEVICE),
        "QueryDeviceCert": (device, UNKNOWN_PRODUCT),
        "SetDeviceCertificate": (iot_id, UNKNOWN_DEVICE),
        "ResetDeviceSecret": (iot_id, UNKNOWN_DEVICE),
        "ResetGatewayToken": (product, UNKNOWN_PRODUCT),
        "DeleteGatewayToken": (product, UNKNOWN_PRODUCT),
        "QueryDeviceAttributes": (iot_id, UNKNOWN_DEVICE),
        "QueryDeviceStatistics": (product, UNKNOWN_PRODUCT),
        "SaveDeviceProp": (iot_id | {"Props": '{"owner":"thief"}'}, UNKNOWN_DEVICE),
        "QueryDeviceProp": (iot_id, UNKNOWN_DEVICE),
        "DeleteDeviceProp": (iot_id | {"PropKey": "owner"}, UNKNOWN_DEVICE),
        "CreateDeviceGroup": ({"GroupName": "stolen", "SuperGroupId": theirs.group}, UNKNOWN_GROUP),
        "UpdateDeviceGroup": (group | {"GroupDesc": "stolen"}, UNKNOWN_GROUP),
        "DeleteDeviceGroup": (group, UNKNOWN_GROUP),
        "DeleteDeviceDynamicGroup": (dynamic_group, UNKNOWN_GROUP),
        "QueryDeviceGroupInfo": (group, UNKNOWN_GROUP),
        "BatchAddDeviceGroupRelations": (group | {"Device": [device]}, UNKNOWN_GROUP),
        "BatchDeleteDeviceGroupRelations": (group | {"Device": [device]}, UNKNOWN_GROUP),
        "QueryDeviceListByDeviceGroup": (group | page, UNKNOWN_GROUP),
        "QueryDeviceGroupByDevice": (device, UNKNOWN_PRODUCT),
        "QueryDynamicGroupDevices": (dynamic_group, UNKNOWN_GROUP),
        "ModifyOTAFirmware": (package | {"FirmwareName": "stolen"}, UNKNOWN_PRODUCT),
        "DeleteOTAFirmware": ({"FirmwareId": theirs.firmware}, UNKNOWN_PACKAGE),
        "CreateOTARolloutJob": (package | {"TargetSelection": "ALL"}, UNKNOWN_PRODUCT),
        "PreviewOTAJob": (package | {"TargetSelection": "ALL"}, UNKNOWN_PRODUCT),
        "UpdateOTARollout": (job, UNKNOWN_JOB),
        "PauseOTAJob": (job, UNKNOWN_JOB),
        "ResumeOTAJob": (job, UNKNOWN_JOB),
        "QueryOTAJobProgress": (job, UNKNOWN_JOB),
        "QueryProduct": (product, UNKNOWN_PRODUCT),
        "QueryTufRepository": (product, UNKNOWN_PRODUCT),
        "CreateProductSigningKey": (product, UNKNOWN_PRODUCT),
        "RotateProductSigningKey": (product, UNKNOWN_PRODUCT),
        "ListProductSigningKeys": (product, UNKNOWN_PRODUCT),
        "QueryProductSettings": (product, UNKNOWN_PRODUCT),
        "UpdateProductSettings": (product | {"DeviceProtocol": "hawkbit"}, UNKNOWN_PRODUCT),
        "RegisterDevice": (product | {"DeviceName": "intruder"}, UNKNOWN_PRODUCT),
        "BatchRegisterDevice": (product | {"Count": 1}, UNKNOWN_PRODUCT),
        "QueryBatchRegisterDeviceStatus": (product | {"ApplyId": theirs.apply_id}, UNKNOWN_PRODUCT),
        "QueryPageByApplyId": ({"ApplyId": theirs.apply_id}, "iot.device.DeviceApplyIsNotFound"),
        "BatchRegisterDeviceWithApplyId": (product | {"ApplyId": theirs.apply_id}, UNKNOWN_PRODUCT),
        "BatchCheckDeviceNames": (product | {"DeviceName": ["intruder"]}, UNKNOWN_PRODUCT),
        "QueryDevice": (product, UNKNOWN_PRODUCT),
        "QueryDeviceInfo": (device, UNKNOWN_PRODUCT),
        "QueryDeviceByStatus": (product | {"Status": 1}, UNKNOWN_PRODUCT),
        "BatchQueryDeviceDetail": (product | {"DeviceName": [theirs.device]}, UNKNOWN_PRODUCT),
        "BatchGetDeviceState": (product | {"DeviceName": [theirs.device]}, UNKNOWN_PRODUCT),
        "CreateOTAModule": (product | {"ModuleName": "intruder"}, UNKNOWN_PRODUCT),
        "UpdateOTAModule": (module | {"Desc": "taken"}, UNKNOWN_PRODUCT),
        "DeleteOTAModule": (module, UNKNOWN_PRODUCT),
        "ListOTAModuleByProduct": (product, UNKNOWN_PRODUCT),
        "ListOTAModuleVersionsByDevice": ({"IotId": theirs.iot_id} | page, "iot.device.InvalidIoTId"),
        "QueryDeviceDetail": (device, UNKNOWN_PRODUCT),
        "GetDeviceStatus": ({"IotId": theirs.iot_id}, "iot.device.InvalidIoTId"),
        "CreateOTAFirmware": (product | new, UNKNOWN_PRODUCT),
        "QueryOTAFirmware": ({"FirmwareId": theirs.firmware}, UNKNOWN_PACKAGE),
        "CreateOTAVerifyJob": (package | {"TargetDeviceName": [theirs.device]}, UNKNOWN_PRODUCT),
        "CreateOTAStaticUpgradeJob": (package | {"TargetSelection": "ALL"}, UNKNOWN_PRODUCT),
        "CreateOTADynamicUpgradeJob": (package | {"SrcVersion": ["1.0.0"]}, UNKNOWN_PRODUCT),
        "QueryOTAJob": ({"JobId": theirs.job}, UNKNOWN_JOB),
        "ListOTAJobByFirmware": ({"FirmwareId": theirs.firmware} | page, UNKNOWN_PACKAGE),
        "ListOTATaskByJob": ({"JobId": theirs.job}, UNKNOWN_JOB),
        "ListOTATaskByFirmware": ({"FirmwareId": theirs.firmware}, UNKNOWN_PACKAGE),
        "ListOTATaskByDevice": (iot_id, UNKNOWN_DEVICE),
        "ListDevices": (product, UNKNOWN_PRODUCT),
        "CreateOTADynamicRolloutJob": (package | {"SrcVersion": ["1.0.0"]}, UNKNOWN_PRODUCT),
        "QueryOTARollout": (job, UNKNOWN_JOB),
        "QueryOTAVersionDistribution": (product, UNKNOWN_PRODUCT),
        "ListOTAJobByDevice": (package | device | page, UNKNOWN_PRODUCT),
        "ListOTAUnfinishedTaskByDevice": ({"IotId": theirs.iot_id}, "iot.device.InvalidIoTId"),
        "UpdateOTAJob": (
            {"JobId": theirs.job, "UpgradeType": "STATIC", "TargetSelection": "SPECIFIC", "MaximumPerMinute": 10},
            UNKNOWN_JOB,
        ),
        "CancelOTATaskByJob": ({"JobId": theirs.job, "CancelQueuedTask": True}, UNKNOWN_JOB),
        "CancelOTAStrategyByJob": ({"JobId": theirs.job}, UNKNOWN_JOB),
        "QueryOTATaskHistory": ({"TaskId": theirs.task}, UNKNOWN_TASK),
        "ReupgradeOTATask": ({"JobId": theirs.job, "TaskId": [theirs.task]}, UNKNOWN_JOB),
        "ConfirmOTATask": ({"TaskId": [theirs.task]}, UNKNOWN_TASK),
        "CancelOTATaskByDevice": (package | {"DeviceName": [theirs.device]}, UNKNOWN_PRODUCT),
        "UpdateEventSubscription": (subscription | {"Active": False}, UNKNOWN_SUBSCRIPTION),
        "DeleteEventSubscription": (subscription, UNKNOWN_SUBSCRIPTION),
        "ListDeadEvents": (subscription, UNKNOWN_SUBSCRIPTION),
        "SendTestEvent": (subscription, UNKNOWN_SUBSCRIPTION),
        "RedeliverEvents": (subscription, UNKNOWN_SUBSCRIPTION),
    }


def refused(caller: Application, operation: str, **parameters: Any) -> bool:
    """True when an operation is answered with an error."""
    try:
        caller.call(operation, **parameters)
    except BusinessError:
        return True
    return False


NAMING_NOTHING = {
    "CreateProduct",
    "QueryProductList",
    "ListOTAFirmware",
    "GenerateOTAUploadURL",
    "GenerateDeviceNameListURL",
    "CreateDeviceDynamicGroup",
    "QueryDeviceGroupList",
    "QueryDeviceBySQL",
    "QueryDeviceByTags",
    "CreateEventSubscription",
    "ListEventSubscriptions",
    "ListOTAJobs",
    "QueryOTAStatistics",
    "QueryServerStatus",  # of whom operates the server: test_server_status.py
    "QueryAuditRecords",  # of the account: test_console_access.py
    "AssumeRole",  # roles belong to accounts, not to instances: test_roles.py
    *(name for name, item in OPERATIONS.items() if item.action.startswith("ram:")),  # of accounts, too: test_ram.py
}


def assert_hidden(caller: Application, theirs: Property, instance: str, **where: str) -> None:
    """Every operation answers as if nothing of the others existed."""
    calls = foreign_calls(theirs, instance)
    assert set(calls) | NAMING_NOTHING == set(OPERATIONS), "an operation without a test of its separation"
    codes = {name: caller.refusal(name, **{**parameters, **where}) for name, (parameters, _) in calls.items()}
    assert codes == {name: code for name, (_, code) in calls.items()}
    sentence = f'SELECT count(*) FROM device WHERE product_key = "{theirs.product}"'
    assert caller.call("QueryDeviceBySQL", SQL=sentence, **where)["TotalCount"] == 0
    assert caller.call("QueryDeviceByTags", Tag=[{"TagKey": "owner", "TagValue": "root"}], **where)["Total"] == 0
    for group_type in ("LINK_PLATFORM", "LINK_PLATFORM_DYNAMIC"):
        assert caller.call("QueryDeviceGroupList", GroupTypes=[group_type], **where)["Total"] == 0
    expression = f'product_key = "{theirs.product}"'
    asked = {"IotInstanceId": instance}
    named = {"GroupName": f"sep_{theirs.product[:8]}", "DynamicGroupExpression": expression}
    group = caller.call("CreateDeviceDynamicGroup", **asked, **named)["Data"]["GroupId"]
    assert caller.call("QueryDynamicGroupDevices", **asked, GroupId=group)["Total"] == 0
    states = caller.call("BatchGetDeviceState", IotId=[theirs.iot_id], **where)["DeviceStatusList"]
    assert items(states, "DeviceStatus") == []
    assert items(caller.call("ListEventSubscriptions", **where)["Data"], "EventSubscription") == []
    products = caller.call("QueryProductList", CurrentPage=1, PageSize=200, **where)["Data"]
    assert theirs.product not in {row["ProductKey"] for row in items(products["List"], "ProductInfo")}
    jobs = caller.call("ListOTAJobs", **where)["Data"]
    assert theirs.job not in str(jobs)
    for filters in ({}, {"ProductKey": theirs.product}):
        found = caller.call("ListOTAFirmware", CurrentPage=1, PageSize=100, **filters, **where)
        assert theirs.firmware not in {row["FirmwareId"] for row in items(found["FirmwareInfo"], "SimpleFirmwareInfo")}


def assert_mixed_requests_are_refused(caller: Application, theirs: Property, own: Fleet, **where: str) -> None:
    """The own product does not lead to the other's package, job, devices or file."""
    firmware = caller.call(
        "CreateOTAFirmware",
        ProductKey=own.product,
        FirmwareName=f"mine_{own.product}",
        DestVersion="2.0.0",
        FirmwareUrl=own.file_url,
        NeedToVerify=False,
        **where,
    )["Data"]["FirmwareId"]
    mine = {"ProductKey": own.product, **where}
    names = {"DeviceName": [theirs.device]}
    stolen = {"FirmwareName": "stolen", "DestVersion": "9", "FirmwareUrl": theirs.file_url}
    assert caller.refusal("CreateOTAFirmware", **mine, **stolen) == "iot.firmware.InvalidFirmwareUrl"
    assert caller.refusal("CancelOTATaskByDevice", **mine, FirmwareId=theirs.firmware, **names) == UNKNOWN_PACKAGE
    cancel = {"FirmwareId": firmware, "JobId": theirs.job}
    assert caller.refusal("CancelOTATaskByDevice", **mine, **cancel, **names) == UNKNOWN_JOB
    status = caller.refusal("QueryBatchRegisterDeviceStatus", **mine, ApplyId=theirs.apply_id)
    assert status == "iot.device.DeviceApplyIsNotFound"
    specific = {"TargetSelection": "SPECIFIC", "TargetDeviceName": [theirs.device]}
    code = caller.refusal("CreateOTAStaticUpgradeJob", **mine, FirmwareId=firmware, **specific)
    assert code == "iot.device.NotExistedDevice"


def test_another_account_sees_nothing(fleet: Fleet, theirs: Property, accounts: Accounts) -> None:
    """Every operation; afterwards the task is as it was."""
    caller = application(accounts.create("stranger"))
    [instance] = accounts.instances("stranger")
    own = Fleet(fleet.server, caller, caller.upload(b"own firmware"), fleet.stack)

    assert_hidden(caller, theirs, instance)
    assert_mixed_requests_are_refused(caller, theirs, own)

    assert fleet.api.states(theirs.job) == {theirs.device: "QUEUED"}
    assert fleet.api.call("QueryProduct", ProductKey=theirs.product)["Data"]["DeviceCount"] == 2


def test_another_instance_of_the_account_sees_nothing(fleet: Fleet, theirs: Property, accounts: Accounts) -> None:
    """Every operation, with an IotInstanceId."""
    instance = accounts.run("instance", "create").strip()
    known = {"CurrentPage": 1, "PageSize": 1, "IotInstanceId": instance}
    wait_until(lambda: not refused(fleet.api, "QueryProductList", **known), what=f"the instance {instance}")
    where = {"IotInstanceId": instance}
    ticket = fleet.api.call("GenerateOTAUploadURL", **where)["Data"]
    assert send_form(ticket, b"own firmware").status_code == 200
    own = Fleet(fleet.server, fleet.api, ticket["FirmwareUrl"], fleet.stack)
    own.product = fleet.api.call("CreateProduct", ProductName=f"inst_{fleet.product}", NodeType=0, **where)[
        "ProductKey"
    ]

    assert_hidden(fleet.api, theirs, instance, **where)
    assert_mixed_requests_are_refused(fleet.api, theirs, own, **where)
    assert fleet.api.refusal("QueryProduct", ProductKey=own.product) == UNKNOWN_PRODUCT
    assert fleet.api.states(theirs.job) == {theirs.device: "QUEUED"}


def test_the_default_instance_can_be_named(fleet: Fleet, accounts: Accounts) -> None:
    """§1.1: an absent IotInstanceId is the default instance."""
    listed = accounts.run("instance", "list")
    [default] = [line.split()[1] for line in listed.splitlines() if " yes " in line]

    named = fleet.api.call("QueryProduct", ProductKey=fleet.product, IotInstanceId=default)["Data"]

    assert named == fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_an_unknown_instance_is_told(fleet: Fleet, operation: str) -> None:
    """§1.1, §8.4; an instance of another account is as unknown as none."""
    code = fleet.api.refusal(operation, IotInstanceId="iot-unknown")

    assert code == "iot.Sre.IotInstanceNotFound"


def test_the_instance_of_another_account_is_unknown(fleet: Fleet, accounts: Accounts) -> None:
    """§1.1, §8.4."""
    accounts.create("landlord")
    [instance] = accounts.instances("landlord")

    code = fleet.api.refusal("QueryProductList", CurrentPage=1, PageSize=10, IotInstanceId=instance)

    assert code == "iot.Sre.IotInstanceNotFound"


def test_a_name_may_be_used_in_each_account(fleet: Fleet, accounts: Accounts) -> None:
    """§4.1, §9.1: names are unique in the account, not on the server."""
    caller = application(accounts.create("namesake"))
    own = Fleet(fleet.server, caller, caller.upload(b"own firmware"), fleet.stack)
    name = fleet.package_info(fleet.package())["FirmwareName"]
    product = fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductName"]

    assert own.package(FirmwareName=name)
    assert caller.create_product(product)
