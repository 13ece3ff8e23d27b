"""Devices register themselves with the ProductSecret, and are reset (device-plane reference §1.8)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.scenario.gateways import Site
from tests.scenario.support import Accounts, Fleet, application
from tests.support.device import CDevice
from tests.support.proxy import proxy
from tests.support.registering import RefusedError, TokenDevice, register, register_by_http
from tests.support.server import Server

pytestmark = pytest.mark.rule("devices")

BAD_CREDENTIALS, NOT_AUTHORIZED = 4, 5
AUTH_ERROR, SWITCHED_OFF, ACTIVATED, NO_TLS = 401, 6288, 6289, 403


def allow(fleet: Fleet, level: str) -> str:
    """Lets devices of the product register themselves; gives the ProductSecret."""
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DynamicRegistration=level)
    return secret_of(fleet)


def secret_of(fleet: Fleet) -> str:
    return str(fleet.api.call("QueryProduct", ProductKey=fleet.product)["Data"]["ProductSecret"])


def refusal(fleet: Fleet, name: str, secret: str, auth_type: str = "register", product: str | None = None) -> int:
    with pytest.raises(RefusedError) as caught:
        register(fleet.server.mqtt, product or fleet.product, name, secret, auth_type)
    return caught.value.code


def refusal_by_http(fleet: Fleet, name: str, secret: str) -> int:
    with pytest.raises(RefusedError) as caught:
        register_by_http(f"http://{fleet.server.http}", fleet.product, name, secret)
    return caught.value.code


def code_of(device: CDevice) -> int:
    """With which code the device's log-in is answered."""
    try:
        return device.connect()
    finally:
        device.drop()


def test_a_device_registers_and_is_updated(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    secret = allow(fleet, "REGISTERED")

    answer = register(fleet.server.mqtt, fleet.product, "device-1", secret)

    told = fleet.api.call("QueryDeviceInfo", IotId=device.iot_id)["Data"]["DeviceSecret"]
    assert answer == {"productKey": fleet.product, "deviceName": "device-1", "deviceSecret": told}
    assert fleet.status(device) == "UNACTIVE"
    fresh = replace(device, secret=told)
    firmware = fleet.package("2.0.0")
    client = fleet.connect(fresh)
    job = fleet.job(firmware, [fresh])
    assert client.offer()["version"] == "2.0.0"
    client.say_version("2.0.0")
    fleet.wait_for_state(job, fresh, "SUCCEEDED")


def test_the_newest_secret_wins_and_the_first_log_in_ends_it(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    secret = allow(fleet, "REGISTERED")
    first = register(fleet.server.mqtt, fleet.product, "device-1", secret)["deviceSecret"]
    second = register_by_http(f"http://{fleet.server.http}", fleet.product, "device-1", secret)["deviceSecret"]

    for old in (device.secret, first):
        assert code_of(CDevice(fleet.server.mqtt, replace(device, secret=old))) == BAD_CREDENTIALS
    fleet.connect(replace(device, secret=second))
    fleet.wait_for_status(device, "ONLINE")
    assert refusal(fleet, "device-1", secret) == NOT_AUTHORIZED
    assert refusal_by_http(fleet, "device-1", secret) == ACTIVATED


def test_an_unknown_device_registers_and_lives_on_its_token(fleet: Fleet) -> None:
    secret = allow(fleet, "ANY")
    assert refusal(fleet, "brand-new", secret) == BAD_CREDENTIALS  # `register` is for known devices

    answer = register(fleet.server.mqtt, fleet.product, "brand-new", secret, "regnwl")

    assert set(answer) == {"productKey", "deviceName", "clientId", "deviceToken"}
    iot_id = fleet.api.call("QueryDeviceDetail", ProductKey=fleet.product, DeviceName="brand-new")["Data"]["IotId"]
    with TokenDevice(fleet.server.mqtt, answer) as client:
        client.report_version("1.0.0", stored=True)
        assert fleet.api.call("GetDeviceStatus", IotId=iot_id)["Data"]["Status"] == "ONLINE"
        assert refusal(fleet, "brand-new", secret, "regnwl") == NOT_AUTHORIZED
    with TokenDevice(fleet.server.mqtt, answer):
        pass


@pytest.mark.parametrize("auth_type", ["register", "regnwl"])
def test_the_product_decides_who_may(fleet: Fleet, auth_type: str) -> None:
    fleet.api.register(fleet.product, "device-1")
    secret = secret_of(fleet)

    assert refusal(fleet, "device-1", secret, auth_type) == NOT_AUTHORIZED
    assert refusal_by_http(fleet, "device-1", secret) == SWITCHED_OFF
    allow(fleet, "REGISTERED")
    assert refusal(fleet, "unknown-1", secret, auth_type) == BAD_CREDENTIALS
    register(fleet.server.mqtt, fleet.product, "device-1", secret, auth_type)


def test_a_secret_is_good_for_its_own_product_only(fleet: Fleet, accounts: Accounts) -> None:
    """Another product's secret, a DeviceSecret, another account's product."""
    device = fleet.api.register(fleet.product, "device-1")
    allow(fleet, "ANY")
    caller = application(accounts.create("registrant"))
    own = Fleet(fleet.server, caller, "", fleet.stack)
    own_secret = allow(own, "ANY")

    for auth_type in ("register", "regnwl"):
        assert refusal(fleet, "device-1", own_secret, auth_type) == BAD_CREDENTIALS
        assert refusal(fleet, "device-1", device.secret, auth_type) == BAD_CREDENTIALS
    assert refusal_by_http(fleet, "device-1", own_secret) == AUTH_ERROR
    answer = register(fleet.server.mqtt, own.product, "device-1", own_secret, "regnwl")
    assert answer["productKey"] == own.product
    fleet.connect(device)


def test_a_replay_of_a_registration_gives_nothing_once_the_device_was_online(fleet: Fleet) -> None:
    device = fleet.device()
    secret = allow(fleet, "ANY")

    for auth_type in ("register", "regnwl"):
        assert refusal(fleet, device.name, secret, auth_type) == NOT_AUTHORIZED
    fleet.connect(device)


def test_a_disabled_device_and_a_deleted_product_stay_out(fleet: Fleet) -> None:
    device = fleet.api.register(fleet.product, "device-1")
    secret = allow(fleet, "ANY")
    fleet.api.call("DisableThing", IotId=device.iot_id)

    assert refusal(fleet, "device-1", secret) == NOT_AUTHORIZED
    fleet.api.call("DeleteProduct", ProductKey=fleet.product)
    assert refusal(fleet, "device-1", secret) == BAD_CREDENTIALS
    assert refusal(fleet, "unknown-1", secret, "regnwl") == BAD_CREDENTIALS


@pytest.mark.rule("ResetThing")
def test_a_reset_device_registers_once_more_and_loses_its_connection(fleet: Fleet) -> None:
    device = fleet.device()
    client = fleet.connect(device)
    secret = allow(fleet, "REGISTERED")

    fleet.api.call("ResetThing", IotId=device.iot_id)

    client.ping()  # a reset alone does nothing to the connection
    answer = register(fleet.server.mqtt, fleet.product, device.name, secret)
    with pytest.raises(ConnectionError):
        client.ping()
    fleet.wait_for_status(device, "OFFLINE")
    fleet.connect(replace(device, secret=answer["deviceSecret"]))
    assert refusal(fleet, device.name, secret) == NOT_AUTHORIZED


@pytest.mark.rule("ResetThing")
def test_the_right_of_a_reset_ends_with_the_next_log_in(fleet: Fleet) -> None:
    device = fleet.device()
    secret = allow(fleet, "REGISTERED")
    fleet.api.call("ResetThing", ProductKey=fleet.product, DeviceName=device.name)

    fleet.connect(device)

    assert refusal(fleet, device.name, secret) == NOT_AUTHORIZED


@pytest.mark.rule("ResetThing")
def test_a_reset_gateway_has_no_subdevices_any_more(fleet: Fleet) -> None:
    site = Site(fleet)
    known = site.register()
    gateway = site.connect(known)
    for device in (subdevices := site.subdevices(2)):
        gateway.add(device)

    fleet.api.call("ResetThing", IotId=known.iot_id)

    page = {"PageNo": 1, "PageSize": 10}
    assert fleet.api.call("GetThingTopo", IotId=known.iot_id, **page)["Data"]["Total"] == 0
    gateway.add(subdevices[0])


@pytest.mark.rule("ResetThing", "ResetDeviceSecret")
@pytest.mark.parametrize("operation", ["ResetThing", "ResetDeviceSecret"])
def test_only_known_devices_are_reset(fleet: Fleet, operation: str) -> None:
    assert fleet.api.refusal(operation, IotId="unknown") == "iot.device.InvalidIoTId"
    unknown = {"ProductKey": fleet.product, "DeviceName": "unknown"}
    assert fleet.api.refusal(operation, **unknown) == "iot.device.NotExistedDevice"
    assert fleet.api.refusal(operation) == "iot.device.NullDeviceName"


@pytest.mark.rule("ResetDeviceSecret")
def test_a_new_secret_ends_the_connection_and_the_old_one(fleet: Fleet) -> None:
    device = fleet.device()
    client = fleet.connect(device)

    data = fleet.api.call("ResetDeviceSecret", IotId=device.iot_id)["Data"]

    assert (data["ProductKey"], data["DeviceName"]) == (fleet.product, device.name)
    with pytest.raises(ConnectionError):
        client.ping()
    assert code_of(CDevice(fleet.server.mqtt, device)) == BAD_CREDENTIALS
    fleet.connect(replace(device, secret=data["DeviceSecret"]))


@pytest.mark.rule("ResetDeviceSecret")
def test_a_new_secret_ends_the_token(fleet: Fleet) -> None:
    secret = allow(fleet, "ANY")
    answer = register(fleet.server.mqtt, fleet.product, "brand-new", secret, "regnwl")
    named = {"ProductKey": fleet.product, "DeviceName": "brand-new"}

    fleet.api.call("ResetDeviceSecret", **named)

    assert code_of(TokenDevice(fleet.server.mqtt, answer)) == BAD_CREDENTIALS


def test_the_command_line_resets_too(fleet: Fleet, accounts: Accounts) -> None:
    device = fleet.device()
    secret = allow(fleet, "REGISTERED")

    accounts.command("device", "reset", fleet.product, device.name)
    register(fleet.server.mqtt, fleet.product, device.name, secret)
    printed = accounts.command("device", "reset-secret", fleet.product, device.name).strip()

    fleet.connect(replace(device, secret=printed))
    [record] = map(json.loads, accounts.command("audit", "--json", "--action", "device reset-secret").splitlines())
    assert record["parameters"] == {"ProductKey": fleet.product, "DeviceName": device.name}
    assert printed not in str(record)


@pytest.mark.rule("devices")
def test_the_command_line_ends_connections_as_the_api_does(fleet: Fleet, accounts: Accounts) -> None:
    device, site = fleet.device(), Site(fleet)
    client, known = fleet.connect(device), site.register()
    gateway = site.connect(known)
    gateway.add(site.subdevices(1)[0])

    accounts.command("device", "reset-secret", fleet.product, device.name)
    accounts.command("device", "reset", known.product_key, known.name)

    fleet.wait_for_status(device, "OFFLINE")
    fleet.wait_for_status(known, "OFFLINE")
    with pytest.raises(ConnectionError):
        client.ping()
    page = {"PageNo": 1, "PageSize": 10}
    assert fleet.api.call("GetThingTopo", IotId=known.iot_id, **page)["Data"]["Total"] == 0


def test_without_tls_a_proxy_that_is_trusted_has_to_have_it(tmp_path: Path) -> None:
    """By default no device registers in clear, over MQTT or over HTTP."""
    settings = {"SKYFERRY_TRUSTED_PROXIES": "127.0.0.1"}
    with Server(tmp_path / "server", settings) as server, proxy(server.http, "203.0.113.5") as address:
        api = application(Accounts(server).create("maker"))
        product = api.create_product("by_proxy")
        api.register(product, "device-1")
        api.call("UpdateProductSettings", ProductKey=product, DynamicRegistration="REGISTERED")
        secret = api.call("QueryProduct", ProductKey=product)["Data"]["ProductSecret"]

        with pytest.raises(RefusedError) as over_mqtt:
            register(server.mqtt, product, "device-1", secret)
        with pytest.raises(RefusedError) as over_http:
            register_by_http(f"http://{server.http}", product, "device-1", secret)
        answer = register_by_http(f"http://{address}", product, "device-1", secret)

    assert over_mqtt.value.code == NOT_AUTHORIZED
    assert over_http.value.code == NO_TLS
    assert "TLS" in over_http.value.message
    assert answer["deviceName"] == "device-1"
