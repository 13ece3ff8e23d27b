"""Who may use hawkBit's device API: the device with its token, or with its product's, and nobody else's."""

from dataclasses import replace

import pytest

from tests.scenario.support import Accounts, Fleet, application
from tests.support.hawkbit import HawkbitDevice

pytestmark = pytest.mark.rule("devices")

UNAUTHORIZED = "hawkbit.server.error.unauthorized"


@pytest.fixture
def hawkbit(fleet: Fleet) -> Fleet:
    """A product whose devices ask over HTTP."""
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DeviceProtocol="hawkbit")
    return fleet


def visitor(fleet: Fleet, name: str = "device-1") -> HawkbitDevice:
    """A registered device."""
    return HawkbitDevice.of(fleet.server.http, fleet.api.register(fleet.product, name))


def gateway_token(fleet: Fleet) -> str:
    """A new token of the product."""
    return str(fleet.api.call("ResetGatewayToken", ProductKey=fleet.product)["Data"]["GatewayToken"])


def paths(action: str, url: str) -> list[tuple[str, str, object]]:
    """Every path of the device API, behind the device's own."""
    feedback = {"status": {"execution": "closed", "result": {"finished": "failure"}}}
    return [
        ("GET", "", None),
        ("GET", f"/deploymentBase/{action}", None),
        ("GET", f"/installedBase/{action}", None),
        ("GET", f"/cancelAction/{action}", None),
        ("POST", f"/deploymentBase/{action}/feedback", feedback),
        ("POST", f"/cancelAction/{action}/feedback", feedback),
        ("PUT", "/configData", {"data": {"version": "6.6.6"}}),
        ("GET", url.rpartition("/")[0], None),
        ("GET", url, None),
        ("GET", f"{url}.MD5SUM", None),
    ]


@pytest.mark.parametrize(
    "authorization",
    ["", "TargetToken", "TargetToken wrong", "GatewayToken wrong", "Basic d3Jvbmc6d3Jvbmc=", "TargetToken \xe9"],
)
def test_a_wrong_token_is_refused_alike_whatever_exists(hawkbit: Fleet, authorization: str) -> None:
    known = replace(visitor(hawkbit), authorization=authorization)
    unknown = replace(known, controller="device-2")
    foreign = replace(known, tenant="a1Unknown00")

    answers = [device.send("GET", "") for device in (known, unknown, foreign)]
    assert {(answer.status, answer.json["errorCode"]) for answer in answers} == {(401, UNAUTHORIZED)}
    assert len({answer.body for answer in answers}) == 1


def test_a_product_of_the_other_protocol_has_no_such_api(fleet: Fleet) -> None:
    device = visitor(fleet)

    assert device.send("GET", "").status == 401
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DeviceProtocol="hawkbit")
    assert device.send("GET", "").status == 200


def test_a_device_that_is_disabled_or_deleted_is_not_let_in(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    assert device.send("GET", "").status == 200
    assert hawkbit.status(device.device) == "ONLINE"

    hawkbit.api.call("DisableThing", IotId=device.device.iot_id)
    assert device.send("GET", "").status == 403
    hawkbit.api.call("EnableThing", IotId=device.device.iot_id)
    hawkbit.wait_for_status(device.device, "OFFLINE")
    assert device.send("GET", "").status == 200
    hawkbit.api.call("DeleteDevice", IotId=device.device.iot_id)
    assert device.send("GET", "").status == 401


@pytest.mark.rule("ResetGatewayToken", "DeleteGatewayToken")
def test_the_token_of_a_product_lets_its_devices_in_until_there_is_another(hawkbit: Fleet) -> None:
    device = visitor(hawkbit)
    first = replace(device, authorization=f"GatewayToken {gateway_token(hawkbit)}")
    assert first.send("GET", "").status == 200

    second = replace(device, authorization=f"GatewayToken {gateway_token(hawkbit)}")
    assert (first.send("GET", "").status, second.send("GET", "").status) == (401, 200)
    hawkbit.api.call("DeleteGatewayToken", ProductKey=hawkbit.product)
    assert second.send("GET", "").status == 401
    assert device.send("GET", "").status == 200


@pytest.mark.rule("ResetGatewayToken", "DeleteGatewayToken", "QueryDeviceAttributes")
def test_unknown_products_and_devices_have_neither(fleet: Fleet) -> None:
    for action in ("ResetGatewayToken", "DeleteGatewayToken"):
        assert fleet.api.refusal(action, ProductKey="a1Unknown00") == "iot.prod.NotExistedProduct"
        assert fleet.api.refusal(action, ProductKey=" ") == "iot.prod.NullProductKey"
    assert fleet.api.refusal("QueryDeviceAttributes", IotId="unknown") == "iot.device.InvalidIoTId"
    assert fleet.api.refusal("QueryDeviceAttributes", ProductKey=fleet.product) == "iot.device.NullDeviceName"
    missing = {"ProductKey": fleet.product, "DeviceName": "missing"}
    assert fleet.api.refusal("QueryDeviceAttributes", **missing) == "iot.device.NotExistedDevice"


def test_unknown_devices_are_registered_only_where_the_product_admits_them(hawkbit: Fleet) -> None:
    token = f"GatewayToken {gateway_token(hawkbit)}"
    unknown = replace(visitor(hawkbit), controller="plug-and-play", authorization=token)

    for setting in ("OFF", "REGISTERED"):
        hawkbit.api.call("UpdateProductSettings", ProductKey=hawkbit.product, DynamicRegistration=setting)
        assert unknown.send("GET", "").status == 404
    hawkbit.api.call("UpdateProductSettings", ProductKey=hawkbit.product, DynamicRegistration="ANY")
    assert replace(unknown, controller="no").send("GET", "").status == 404
    assert replace(unknown, authorization="GatewayToken wrong").send("GET", "").status == 401
    assert unknown.send("GET", "").status == 200
    reference = {"ProductKey": hawkbit.product, "DeviceName": "plug-and-play"}
    assert hawkbit.api.call("QueryDeviceDetail", **reference)["Data"]["Status"] == "ONLINE"


def test_no_device_reaches_what_is_another_s(hawkbit: Fleet, accounts: Accounts) -> None:
    """Every path, with the identity of another device, another product, another account."""
    owner, neighbour = visitor(hawkbit), visitor(hawkbit, "device-2")
    owner.report(version="1.0.0")
    job = hawkbit.job(hawkbit.package(), [owner.device])
    hawkbit.api.wait_for_states(job, {"device-1": "QUEUED"})
    action, chunk = owner.deployment()
    url = chunk["artifacts"][0]["_links"]["download"]["href"]
    tail = url.partition(owner.root)[2]

    stranger = application(accounts.create(f"hawkbit{hawkbit.product.lower()}"))
    there = stranger.create_product("strangers")
    stranger.call("UpdateProductSettings", ProductKey=there, DeviceProtocol="hawkbit")
    token = stranger.call("ResetGatewayToken", ProductKey=there)["Data"]["GatewayToken"]
    foreign = HawkbitDevice.of(hawkbit.server.http, stranger.register(there, "device-1"))
    thieves = [
        neighbour.authorization,
        foreign.authorization,
        f"GatewayToken {token}",
    ]
    for authorization in thieves:
        for method, path, body in paths(action, tail):
            answer = replace(owner, authorization=authorization).send(method, path, body)
            assert answer.status == 401, (authorization, path)
    for device in (neighbour, foreign):
        for method, path, body in paths(action, tail):
            if path not in {"", "/configData"}:
                answer = device.send(method, path, body)
                assert answer.status == 404, (device.tenant, path)
    assert hawkbit.api.states(job) == {"device-1": "NOTIFIED"}
