"""The first half of the story: products, devices, their names and tags, groups."""

import json
from collections.abc import Callable
from typing import Any, Final

from tests.scenario.gateways import Site, item
from tests.scenario.support import Fleet, ScriptedDevice
from tests.support.api import Application, BusinessError, Device
from tests.support.server import wait_until

FIRST: Final = "first"
TAG: Final = {"TagKey": "colour", "TagValue": "red"}
_PAGE: Final = {"CurrentPage": 1, "PageSize": 1}


def tell_of_products(api: Application) -> str:
    """Products; answers the ProductKey of one of which everything is known."""
    parameters = {"AliyunCommodityCode": "iothub_senior", "DataFormat": 1, "ProtocolType": "customize"}
    described = {"Description": "of the story", "CategoryKey": "Lighting"}
    key = str(api.call("CreateProduct", ProductName="story", NodeType=0, **parameters, **described)["ProductKey"])
    api.call("UpdateProduct", ProductKey=key, ProductName="the_story", Description="of the whole story")
    api.call("QueryProduct", ProductKey=key)
    api.call("QueryProductList", CurrentPage=1, PageSize=10)
    other = api.call("CreateProduct", ProductName="other", NodeType=1)["ProductKey"]
    api.call("DeleteProduct", ProductKey=other)
    return key


def tell_of_registrations(api: Application, product: str) -> Device:
    """Devices with given and with generated names; answers one of which everything is known."""
    lora = {"DevEui": "0011223344556677", "JoinEui": "8899aabbccddeeff"}
    data = api.call("RegisterDevice", ProductKey=product, DeviceName=FIRST, Nickname="the_first", **lora)["Data"]
    api.registered(product, api.register_many(product, 3), 3)
    _refused_names(api, product)
    _taken_names(api, product)
    apply_id = _checked(api, product, "CHECK_SUCCESS", DeviceName=["by_name_1", "by_name_2"])
    api.call("BatchRegisterDeviceWithApplyId", ProductKey=product, ApplyId=apply_id)
    _wait_for_status(api, product, apply_id, "CREATE_SUCCESS")
    nicknames = [{"IotId": data["IotId"], "Nickname": "number_one"}]
    api.call("BatchUpdateDeviceNickname", DeviceNicknameInfo=nicknames)
    return Device(product, FIRST, data["DeviceSecret"], data["IotId"])


def tell_of_devices(api: Application, fleet: Fleet, device: Device) -> None:
    """What is known of devices, and what can be done to them."""
    product = {"ProductKey": device.product_key}
    name = product | {"DeviceName": device.name}
    with ScriptedDevice(fleet.server.mqtt, device) as client:
        client.say_version("1.0.0")
        api.call("GetDeviceStatus", **name)
    fleet.wait_for_status(device, "OFFLINE")
    api.call("QueryDevice", **product, **_PAGE)
    api.call("QueryDevice", **product, CurrentPage=1, PageSize=50)
    api.call("QueryDeviceDetail", IotId=device.iot_id)
    api.call("QueryDeviceInfo", IotId=device.iot_id)
    api.call("BatchQueryDeviceDetail", **product, DeviceName=[device.name])
    api.call("BatchGetDeviceState", **product, DeviceName=[device.name])
    api.call("QueryDeviceByStatus", **product, Status=3)
    api.call("QueryDeviceStatistics", **product)
    api.call("DisableThing", **name)
    api.call("EnableThing", **name)
    api.call("ResetThing", **name)
    api.call("DeleteDevice", **product, DeviceName="by_name_2")
    certified = api.call("CreateProduct", ProductName="certified", NodeType=0, AuthType="x509")["ProductKey"]
    api.register(certified, "certified")
    api.call("QueryDeviceCert", ProductKey=certified, DeviceName="certified")


def tell_of_tags(api: Application, device: Device) -> None:
    """Tags, and devices found by them. The device keeps one."""
    api.call(
        "SaveDeviceProp", IotId=device.iot_id, Props=json.dumps({TAG["TagKey"]: TAG["TagValue"], "shape": "round"})
    )
    api.call("QueryDeviceProp", IotId=device.iot_id)
    api.call("QueryDeviceByTags", Tag=[TAG])
    api.call("DeleteDeviceProp", IotId=device.iot_id, PropKey="shape")


def tell_of_groups(api: Application, device: Device, instance: str) -> tuple[str, str]:
    """Groups; answers the identifiers of a static and of a dynamic one that hold the device."""
    name = {"ProductKey": device.product_key, "DeviceName": device.name}
    static = api.call("CreateDeviceGroup", GroupName="static_group", GroupDesc="of the story")["Data"]["GroupId"]
    spare = api.call("CreateDeviceGroup", GroupName="spare_group")["Data"]["GroupId"]
    api.call("UpdateDeviceGroup", GroupId=static, GroupDesc="of the whole story")
    for group in (static, spare):
        api.call("BatchAddDeviceGroupRelations", GroupId=group, Device=[name])
    api.call("QueryDeviceGroupInfo", GroupId=static)
    api.call("QueryDeviceGroupList")
    api.call("QueryDeviceListByDeviceGroup", GroupId=static, CurrentPage=1, PageSize=10)
    api.call("QueryDeviceGroupByDevice", **name)
    api.call("BatchDeleteDeviceGroupRelations", GroupId=spare, Device=[name])
    api.call("DeleteDeviceGroup", GroupId=spare)
    return str(static), _dynamic_group(api, device, instance)


def tell_of_gateways(api: Application, fleet: Fleet) -> None:
    """A gateway of which everything is known, and a sub-device that comes and goes."""
    site = Site(fleet)
    known = site.register()
    subdevice = api.register(fleet.product, "sub-device")
    with ScriptedDevice(fleet.server.mqtt, known) as gateway:
        gateway.say_version("1.0.0")
    named = {"GwProductKey": known.product_key, "GwDeviceName": known.name}
    listed = json.dumps([{"IotId": subdevice.iot_id}])
    api.call("NotifyAddThingTopo", **named, DeviceListStr=listed)
    api.call("BatchAddThingTopo", **named, TopoAddItem=[item(subdevice)])
    api.call("GetThingTopo", IotId=known.iot_id, PageNo=1, PageSize=10)
    api.call("GetGatewayBySubDevice", IotId=subdevice.iot_id)
    api.call("RemoveThingTopo", IotId=subdevice.iot_id)


def tell_of_searches(api: Application, device: Device) -> None:
    """Devices found by a sentence: after the groups, tags and modules that it tells of."""
    condition = f'FROM device WHERE product_key = "{device.product_key}"'
    api.call("QueryDeviceBySQL", SQL=f"SELECT * {condition} LIMIT 10")
    api.call("QueryDeviceBySQL", SQL=f"SELECT count(*) {condition}")


def _dynamic_group(api: Application, device: Device, instance: str) -> str:
    there = {"IotInstanceId": instance}
    expression = f'product_key = "{device.product_key}"'
    new = {"DynamicGroupExpression": expression, "GroupDesc": "of the story"}
    group = api.call("CreateDeviceDynamicGroup", **there, **new, GroupName="dynamic_group")["Data"]["GroupId"]
    spare = api.call("CreateDeviceDynamicGroup", **there, **new, GroupName="spare_dynamic")["Data"]["GroupId"]
    api.call("QueryDeviceGroupInfo", GroupId=group, GroupType="LINK_PLATFORM_DYNAMIC")
    api.call("QueryDynamicGroupDevices", **there, GroupId=group, PageSize=1)
    api.call("QueryDynamicGroupDevices", **there, GroupId=group, DeviceName=device.name)
    api.call("DeleteDeviceDynamicGroup", **there, GroupId=spare)
    return str(group)


def _refused_names(api: Application, product: str) -> None:
    """A list with names that are not of the form, or twice: what is wrong is told beside the error."""
    wanted = [
        {"DeviceName": "x", "DeviceNickname": "short_name"},
        {"DeviceName": "bad_nickname", "DeviceNickname": "?"},
        {"DeviceName": "twice"},
        {"DeviceName": "twice"},
    ]
    _refuse(lambda: api.call("BatchCheckDeviceNames", ProductKey=product, DeviceNameList=wanted))


def _taken_names(api: Application, product: str) -> None:
    """A list with a name that a device has: its state tells which names are good and which are not."""
    wanted = [{"DeviceName": FIRST, "DeviceNickname": "again"}, {"DeviceName": "still_free"}]
    _checked(api, product, "CHECK_FAILED", DeviceNameList=wanted)


def _checked(api: Application, product: str, status: str, **names: Any) -> int:
    apply_id = api.call("BatchCheckDeviceNames", ProductKey=product, **names)["Data"]["ApplyId"]
    _wait_for_status(api, product, apply_id, status)
    return int(apply_id)


def _wait_for_status(api: Application, product: str, apply_id: int, status: str) -> None:
    def reached() -> bool:
        answer = api.call("QueryBatchRegisterDeviceStatus", ProductKey=product, ApplyId=apply_id)
        return bool(answer["Data"]["Status"] == status)

    wait_until(reached, what=f"the registration {status}")


def _refuse(call: Callable[[], Any]) -> None:
    try:
        call()
    except BusinessError:
        return
    raise AssertionError("not refused")
