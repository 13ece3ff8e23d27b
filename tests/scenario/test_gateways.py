"""Gateways and their sub-devices: topology, presence and updates (device-plane reference §2.10)."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.scenario.gateways import SUCCESS, Site, item, names, proof
from tests.scenario.support import Accounts, Fleet, application
from tests.support import blocks
from tests.support.api import Device
from tests.support.server import wait_until

CONTENT = bytes(range(256)) * 100
NO_TOPOLOGY, NO_SESSION, NOT_FOUND = 6401, 520, 6100


@pytest.fixture
def site(fleet: Fleet) -> Site:
    return Site(fleet)


def named(device: Device, prefix: str = "") -> dict[str, str]:
    """Names a device by product and name."""
    return {f"{prefix}ProductKey": device.product_key, f"{prefix}DeviceName": device.name}


def behind(site: Site, gateway: Device) -> list[str]:
    """The names of a gateway's sub-devices."""
    data = site.fleet.api.call("GetThingTopo", **named(gateway), PageNo=1, PageSize=50)["Data"]
    return [info["DeviceName"] for info in data["List"].get("deviceInfo", [])]


def requests_of(device: Device) -> Sequence[str]:
    """The topics on which a device asks for something."""
    own = f"{device.product_key}/{device.name}"
    services = ("ota/firmware/get", "file/download", "topo/get", "sub/register", "event/property/post")
    asked = [f"/sys/{own}/thing/{service}" for service in services]
    return [*asked, f"/ota/device/request/{own}", f"/ext/ntp/{own}/request", f"/ext/session/{own}/combine/login"]


@pytest.mark.rule("devices")
def test_a_subdevice_is_updated_through_its_gateway(site: Site) -> None:
    """It is pushed to on the gateway's connection after its version report, and the gateway reports for it."""
    [device] = site.subdevices(1)
    gateway = site.gateway()
    gateway.open(device)
    job = site.fleet.job(site.fleet.package(), [device])

    offer = gateway.push_of(device)["data"]
    with gateway.speaking_for(device):
        gateway.say_progress(50)
    assert site.fleet.state(job, device) == "IN_PROGRESS"
    gateway.say_version_of(device, offer["version"])

    assert site.fleet.state(job, device) == "SUCCEEDED"
    assert site.fleet.api.version(device) == "2.0.0"
    assert gateway.pushes_now() == []


@pytest.mark.rule("devices")
def test_a_gateway_asks_for_its_subdevices_packages(site: Site) -> None:
    [device] = site.subdevices(1)
    gateway = site.gateway()
    gateway.open(device)
    with gateway.speaking_for(device):
        assert gateway.pull()["data"] == {}
        job = site.fleet.job(site.fleet.package(), [device], NeedPush=False)
        assert gateway.pull()["data"]["version"] == "2.0.0"
        assert gateway.pull_as_before("1.0.0")["data"]["version"] == "2.0.0"
    assert site.fleet.state(job, device) == "NOTIFIED"


@pytest.mark.rule("devices")
def test_a_gateway_downloads_for_its_subdevices_over_mqtt(site: Site) -> None:
    """Only for those that are logged in through it."""
    first, second = site.subdevices(2)
    gateway = site.gateway()
    gateway.open(first, second)
    url = site.fleet.api.upload(CONTENT)
    site.fleet.job(site.fleet.package(FirmwareUrl=url), [first], DownloadProtocol="MQTT")

    with gateway.speaking_for(first):
        notice = blocks.wait_for_stream(gateway)
        assert blocks.download(gateway, notice) == CONTENT
    with gateway.speaking_for(second), pytest.raises(AssertionError):
        blocks.download(gateway, notice)


@pytest.mark.rule("devices")
def test_subdevices_are_online_with_their_gateway(site: Site) -> None:
    first, second = site.subdevices(2)
    gateway = site.gateway()
    gateway.open(first, second)
    site.fleet.wait_for_status(first, "ONLINE")

    gateway.must("combine/logout", names(first)[0])
    site.fleet.wait_for_status(first, "OFFLINE")
    assert site.fleet.status(second) == "ONLINE"
    gateway.drop()
    site.fleet.wait_for_status(second, "OFFLINE")


@pytest.mark.rule("devices")
def test_a_subdevice_that_was_offline_is_pushed_to_after_its_next_log_in(site: Site) -> None:
    [device] = site.subdevices(1)
    known = site.register()
    first = site.connect(known)
    first.open(device)
    first.drop()
    site.fleet.wait_for_status(device, "OFFLINE")
    job = site.fleet.job(site.fleet.package(), [device])
    site.fleet.wait_for_state(job, device, "QUEUED")

    again = site.connect(known)
    assert again.must("thing/topo/get", {}) == names(device)
    again.log_in_all(device)
    again.say_version_of(device, "1.0.0")

    assert again.push_of(device)["data"]["version"] == "2.0.0"


@pytest.mark.rule("devices")
def test_a_subdevice_whose_download_its_gateway_lost_is_pushed_to_again(site: Site) -> None:
    """Once on each connection: never into a running download."""
    [device] = site.subdevices(1)
    known = site.register()
    gateway = site.connect(known)
    gateway.open(device)
    job = site.fleet.job(site.fleet.package(), [device])
    gateway.push_of(device)
    with gateway.speaking_for(device):
        gateway.say_progress(10)
    gateway.log_in_all(device)  # some gateways say it again and again
    gateway.say_version_of(device, "1.0.0")
    assert gateway.pushes_now() == []

    gateway.drop()
    site.fleet.wait_for_status(device, "OFFLINE")
    again = site.connect(known)
    again.log_in_all(device)
    again.say_version_of(device, "1.0.0")
    again.push_of(device)
    again.say_version_of(device, "2.0.0")

    assert site.fleet.state(job, device) == "SUCCEEDED"


@pytest.mark.rule("devices")
def test_a_second_gateway_takes_a_subdevice_over(site: Site) -> None:
    [device] = site.subdevices(1)
    first, second = site.gateway("gateway-1"), site.gateway("gateway-2")
    first.open(device)
    job = site.fleet.job(site.fleet.package(), [device])
    first.push_of(device)

    second.open(device)

    assert first.told("error")["code"] == NO_TOPOLOGY
    second.push_of(device)
    first.say_version_of(device, "2.0.0")
    assert site.fleet.state(job, device) == "NOTIFIED"
    second.say_version_of(device, "2.0.0")
    assert site.fleet.state(job, device) == "SUCCEEDED"


@pytest.mark.rule("devices", "accounts")
def test_a_gateway_reaches_no_device_of_others(site: Site, accounts: Accounts) -> None:
    """Another account's, another gateway's, or one that is not logged in: for every request and every report."""
    stranger = application(accounts.create(f"stranger-{site.product[-6:].lower()}"))
    product = stranger.create_product(f"other_{site.product[-6:]}")
    foreign = stranger.register(product, "sub-1")
    others, loose = site.subdevices(2)
    other, gateway = site.gateway("gateway-2"), site.gateway("gateway-1")
    other.open(others)

    for device, expected in ((foreign, NOT_FOUND), (others, NO_TOPOLOGY), (loose, NO_TOPOLOGY)):
        assert gateway.ask("combine/login", proof(device))["code"] == expected
        assert gateway.ask("combine/batch_login", {"deviceList": [proof(device)]})["code"] == expected
        assert gateway.ask("combine/logout", names(device)[0])["code"] == NO_SESSION
        assert gateway.ask("combine/batch_logout", names(device))["code"] == NO_SESSION
        assert gateway.ask("thing/topo/delete", names(device))["code"] == expected
        gateway.say_version_of(device, "6.6.6")
        for topic in requests_of(device):
            gateway.say(topic, b'{"id":"1","version":"1.0","params":{}}')
        assert gateway.heard_nothing()
    assert gateway.ask("thing/topo/add", [proof(foreign)])["code"] == NOT_FOUND
    assert gateway.ask("thing/topo/add", [proof(loose) | {"sign": "00"}])["code"] == 401

    assert site.fleet.api.version(others) == "1.0.0"
    assert stranger.call("GetDeviceStatus", IotId=foreign.iot_id)["Data"]["Status"] == "UNACTIVE"
    assert site.fleet.status(loose) == "UNACTIVE"
    assert site.fleet.status(others) == "ONLINE"


@pytest.mark.rule("GetThingTopo", "BatchAddThingTopo")
def test_an_application_puts_subdevices_behind_a_gateway(site: Site) -> None:
    devices = site.subdevices(3)
    known = site.register()
    gateway = site.connect(known)

    site.fleet.api.call("BatchAddThingTopo", **named(known, "Gw"), TopoAddItem=[item(device) for device in devices])

    told = gateway.told("thing/topo/change")
    assert told["params"] == {"status": 0, "subList": [*gateway.must("thing/topo/get", {})]}
    assert behind(site, known) == [device.name for device in devices]
    page = site.fleet.api.call("GetThingTopo", IotId=known.iot_id, PageNo=2, PageSize=2)["Data"]
    assert (page["Total"], page["PageCount"], page["CurrentPage"], page["PageSize"]) == (3, 2, 2, 2)
    last = {"ProductKey": site.fleet.product, "DeviceName": "sub-3", "IotId": devices[2].iot_id}
    assert page["List"]["deviceInfo"] == [last]
    gateway.log_in_all(*devices)


@pytest.mark.rule("BatchAddThingTopo")
def test_a_subdevice_that_an_application_moves_leaves_its_gateway(site: Site) -> None:
    [device] = site.subdevices(1)
    first, known = site.gateway("gateway-1"), site.register("gateway-2")
    first.open(device)

    site.fleet.api.call("BatchAddThingTopo", **named(known, "Gw"), TopoAddItem=[item(device)])

    assert first.told("error")["code"] == NO_TOPOLOGY
    assert first.told("thing/topo/change")["params"] == {"status": 1, "subList": list(names(device))}
    site.fleet.wait_for_status(device, "OFFLINE")
    assert behind(site, known) == ["sub-1"]


@pytest.mark.rule("BatchAddThingTopo")
def test_of_a_request_that_cannot_be_carried_out_nothing_is(site: Site) -> None:
    devices = site.subdevices(2)
    known = site.register()
    gateway, api = named(known, "Gw"), site.fleet.api
    unknown = Device(site.fleet.product, "unknown", "secret", "")
    bad = [
        ([item(devices[0]), item(devices[1], Sign="00")], "iot.device.VerifyDeviceFailed"),
        ([item(devices[0], SignMethod="none")], "iot.device.VerifyDeviceFailed"),
        ([item(devices[0]), item(unknown)], "iot.device.NotExistedDevice"),
        ([item(devices[0]), item(known)], "iot.device.AddTopoRelationFailed"),
        ([item(devices[0])] * 11, "iot.check.ParameterIsNotLessThanMax"),
    ]
    for items, code in bad:
        assert api.refusal("BatchAddThingTopo", **gateway, TopoAddItem=items) == code
    no_gateway = named(devices[1], "Gw")
    code = api.refusal("BatchAddThingTopo", **no_gateway, TopoAddItem=[item(devices[0])])
    assert code == "iot.device.AddTopoRelationFailed"
    assert behind(site, known) == []


@pytest.mark.rule("GetGatewayBySubDevice")
def test_the_gateway_of_a_subdevice_is_told(site: Site) -> None:
    first, second = site.subdevices(2)
    known = site.register()
    gateway = site.connect(known)
    gateway.say_version("0.9")
    gateway.open(first)

    data = site.fleet.api.call("GetGatewayBySubDevice", **named(first))["Data"]

    assert (data["iotId"], data["DeviceName"], data["ProductKey"]) == (known.iot_id, known.name, site.product)
    assert (data["Status"], data["NodeType"], data["FirmwareVersion"]) == ("ONLINE", "1", "0.9")
    assert data["DeviceSecret"] == known.secret
    code = site.fleet.api.refusal("GetGatewayBySubDevice", IotId=second.iot_id)
    assert code == "iot.device.QueryTopoRelationFailed"


@pytest.mark.rule("GetThingTopo")
def test_only_a_gateway_has_a_topology(site: Site) -> None:
    [device] = site.subdevices(1)
    page = {"PageNo": 1, "PageSize": 10}

    code = site.fleet.api.refusal("GetThingTopo", **named(device), **page)
    assert code == "iot.device.QueryTopoRelationFailed"
    known = {"IotId": site.register().iot_id}
    for wrong in ({"PageNo": 0}, {"PageSize": 51}):
        assert site.fleet.api.refusal("GetThingTopo", **known, **page | wrong) == "iot.common.InvalidPageParams"


@pytest.mark.rule("RemoveThingTopo")
def test_an_application_takes_subdevices_away(site: Site) -> None:
    first, second, third = site.subdevices(3)
    known = site.register()
    gateway = site.connect(known)
    gateway.open(first, second, third)

    assert site.fleet.api.call("RemoveThingTopo", **named(first))["Data"] is True
    assert gateway.told("error")["data"] == names(first)[0]
    assert gateway.told("thing/topo/change")["params"] == {"status": 1, "subList": list(names(first))}
    assert behind(site, known) == ["sub-2", "sub-3"]

    site.fleet.api.call("RemoveThingTopo", IotId=known.iot_id)
    assert gateway.told("thing/topo/change")["params"]["subList"] == names(second, third)
    site.fleet.wait_for_status(third, "OFFLINE")
    for device in (known, first):
        code = site.fleet.api.refusal("RemoveThingTopo", IotId=device.iot_id)
        assert code == "iot.device.RemoveTopoRelationFailed"


@pytest.mark.rule("NotifyAddThingTopo")
def test_a_gateway_is_asked_to_add_subdevices(site: Site) -> None:
    first, second = site.subdevices(2)
    known = site.register()
    gateway = site.connect(known)
    listed = [*names(first), {"IotId": second.iot_id}]

    data = site.fleet.api.call("NotifyAddThingTopo", GwIotId=known.iot_id, DeviceListStr=json.dumps(listed))["Data"]

    told = gateway.told("thing/topo/add/notify")
    assert (told["id"], told["params"]) == (data["MessageId"], names(first, second))
    assert behind(site, known) == []


@pytest.mark.rule("NotifyAddThingTopo")
def test_a_gateway_is_asked_for_nothing_that_cannot_be(site: Site) -> None:
    [device] = site.subdevices(1)
    known, api = site.register(), site.fleet.api

    def refused(listed: Any, gateway: Device = known) -> str:
        text = listed if isinstance(listed, str) else json.dumps(listed)
        return api.refusal("NotifyAddThingTopo", **named(gateway, "Gw"), DeviceListStr=text)

    assert refused("[") == refused([1]) == refused({}) == "iot.common.InvalidFormattedParameter"
    assert refused([]) == refused([*names(device)] * 11) == "iot.check.ParameterIsNotLessThanMax"
    assert refused([{}]) == refused([{"deviceName": "a\ud800"}]) == "iot.device.NullDeviceName"
    assert refused(names(device), device) == "iot.device.QueryTopoRelationFailed"


@pytest.mark.rule("DisableThing", "EnableThing", "DeleteDevice")
def test_a_gateway_hears_what_becomes_of_its_subdevices(site: Site) -> None:
    first, second = site.subdevices(2)
    gateway = site.gateway()
    gateway.open(first, second)

    site.fleet.api.call("DisableThing", **named(first))
    assert gateway.told("error")["code"] == 522
    assert gateway.told("thing/topo/change")["params"] == {"status": 8, "subList": list(names(first))}
    assert gateway.ask("combine/login", proof(first))["code"] == 6204
    site.fleet.api.call("EnableThing", **named(first))
    assert gateway.told("thing/topo/change")["params"]["status"] == 2
    gateway.log_in_all(first)
    site.fleet.api.call("DeleteDevice", **named(second))
    assert gateway.told("error")["code"] == 521
    assert gateway.told("thing/topo/change")["params"] == {"status": 1, "subList": list(names(second))}
    assert gateway.ask("combine/login", proof(second))["code"] == NOT_FOUND


@pytest.mark.rule("DeleteDevice", "DeleteProduct")
def test_what_goes_takes_its_place_in_the_topology_with_it(site: Site) -> None:
    [device] = site.subdevices(1)
    known = site.register()
    gateway = site.connect(known)
    gateway.open(device)

    site.fleet.api.call("DeleteDevice", IotId=known.iot_id)

    site.fleet.wait_for_status(device, "OFFLINE")
    code = site.fleet.api.refusal("GetGatewayBySubDevice", IotId=device.iot_id)
    assert code == "iot.device.QueryTopoRelationFailed"
    other = site.gateway("gateway-2")
    other.open(device)
    site.fleet.api.call("DeleteProduct", ProductKey=site.fleet.product)
    wait_until(lambda: other.ask("thing/topo/get", {})["data"] == [], interval=0.05, what="an empty topology")


@pytest.mark.rule("QueryDeviceDetail", "QueryDeviceStatistics", "BatchGetDeviceState")
def test_subdevices_are_devices_as_all_others_are(site: Site) -> None:
    first, second = site.subdevices(2)
    gateway = site.gateway()
    gateway.open(first, second)
    site.fleet.wait_for_status(second, "ONLINE")

    detail = site.fleet.api.call("QueryDeviceDetail", **named(first))["Data"]
    assert (detail["NodeType"], detail["Status"], detail["FirmwareVersion"]) == (0, "ONLINE", "1.0.0")
    assert detail["IpAddress"] == "127.0.0.1"
    counts = site.fleet.api.call("QueryDeviceStatistics", ProductKey=site.fleet.product)["Data"]
    assert counts == {"deviceCount": 2, "activeCount": 2, "onlineCount": 2}
    assert gateway.must("combine/batch_logout", names(first, second)) == names(first, second)
    assert gateway.ask("combine/batch_login", {"deviceList": [proof(first)]})["code"] == SUCCESS
