"""Sub-devices that get their secret through a gateway (device-plane reference §2.10)."""

import hashlib
import hmac
from typing import Any

import pytest

from tests.scenario.gateways import ScriptedGateway, Site, names, proof
from tests.scenario.support import Accounts, Fleet, application
from tests.support.api import Device

pytestmark = pytest.mark.rule("devices")

REGISTER, REGISTER_BY_PRODUCT = "thing/sub/register", "thing/proxy/provisioning/product_register"
UNREGISTER = "thing/sub/unregister"


@pytest.fixture
def site(fleet: Fleet) -> Site:
    """Sub-devices of a product that allows dynamic registration."""
    fleet.api.call("UpdateProductSettings", ProductKey=fleet.product, DynamicRegistration="REGISTERED")
    return Site(fleet)


@pytest.fixture
def gateway(site: Site) -> ScriptedGateway:
    return site.gateway()


def secret_of_product(site: Site) -> str:
    return str(site.fleet.api.call("QueryProduct", ProductKey=site.fleet.product)["Data"]["ProductSecret"])


def signed(device: Device, product_secret: str) -> dict[str, str]:
    """What a gateway says of a sub-device of which it knows the ProductSecret."""
    content = f"deviceName{device.name}productKey{device.product_key}random7"
    sign = hmac.new(product_secret.encode(), content.encode(), hashlib.sha256).hexdigest()
    return {**names(device)[0], "random": "7", "signMethod": "hmacSha256", "sign": sign}


def told(data: Any) -> list[Device]:
    """The devices of an answer."""
    return [Device(item["productKey"], item["deviceName"], item["deviceSecret"], item["iotId"]) for item in data]


def test_a_gateway_gets_the_secrets_of_new_subdevices(site: Site, gateway: ScriptedGateway) -> None:
    before = site.subdevices(2)

    registered = told(gateway.must(REGISTER, names(*before)))

    assert [(device.name, device.iot_id) for device in registered] == [(each.name, each.iot_id) for each in before]
    assert gateway.ask("thing/topo/add", [proof(before[0])])["code"] == 401
    gateway.open(*registered)
    assert site.fleet.api.version(registered[1]) == "1.0.0"


def test_a_gateway_that_knows_the_product_secret_gets_them_too(site: Site, gateway: ScriptedGateway) -> None:
    [device] = site.subdevices(1)
    said = signed(device, secret_of_product(site))

    assert gateway.ask(REGISTER_BY_PRODUCT, {"proxieds": [said | {"sign": "00"}]})["code"] == 6600
    [registered] = told(gateway.must(REGISTER_BY_PRODUCT, {"proxieds": [said]}))

    gateway.open(registered)


def test_a_gateway_that_forgot_is_told_again_what_its_subdevices_have(site: Site, gateway: ScriptedGateway) -> None:
    [device] = site.subdevices(1)
    gateway.open(device)
    site.fleet.api.call("UpdateProductSettings", ProductKey=site.fleet.product, DynamicRegistration="OFF")

    [registered] = told(gateway.must(REGISTER, names(device)))

    assert registered == device
    assert site.fleet.status(device) == "ONLINE"


def test_what_may_not_register_is_refused_and_with_it_all_others(site: Site, gateway: ScriptedGateway) -> None:
    new, used, barred, taken = site.subdevices(4)
    site.fleet.connect(used)
    site.fleet.api.call("DisableThing", IotId=barred.iot_id)
    site.gateway("gateway-2").add(taken)
    unknown = Device(site.fleet.product, "unknown", "", "")

    def refused(*devices: Device) -> int:
        return int(gateway.ask(REGISTER, names(*devices))["code"])

    assert [refused(new, other) for other in (used, barred, taken, unknown)] == [6289, 6204, 6619, 6100]
    assert gateway.ask(REGISTER, [])["code"] == 460
    assert gateway.ask(REGISTER, [*names(new)] * 31)["code"] == 460
    gateway.add(new)  # its secret is what it was
    site.fleet.api.call("ResetThing", IotId=used.iot_id)
    assert refused(used) == 200


def test_a_gateway_unregisters_what_is_behind_it(site: Site, gateway: ScriptedGateway) -> None:
    """Such a sub-device is behind no gateway, and registers once more if it is needed again."""
    device, kept = site.subdevices(2)
    gateway.open(device, kept)

    assert gateway.must(UNREGISTER, names(device)) == {}

    site.fleet.wait_for_status(device, "OFFLINE")
    assert gateway.must("thing/topo/get", {}) == names(kept)
    assert gateway.ask("combine/login", proof(device))["code"] == 6401
    [registered] = told(gateway.must(REGISTER, names(device)))
    assert registered.secret != device.secret
    gateway.open(registered, version="2.0.0")
    assert site.fleet.api.version(device) == "2.0.0"


def test_a_gateway_unregisters_nothing_else(site: Site, gateway: ScriptedGateway) -> None:
    own, others, loose = site.subdevices(3)
    gateway.open(own)
    site.gateway("gateway-2").open(others)
    site.fleet.connect(loose)
    unknown = Device(site.fleet.product, "unknown", "", "")

    for device, code in ((others, 6401), (loose, 6401), (unknown, 6100)):
        assert gateway.ask(UNREGISTER, names(own, device))["code"] == code
    assert gateway.ask(UNREGISTER, [])["code"] == 460
    assert gateway.ask(UNREGISTER, [*names(own)] * 31)["code"] == 460

    assert [site.fleet.status(device) for device in (own, others, loose)] == ["ONLINE"] * 3
    assert gateway.ask(REGISTER, names(loose))["code"] == 6289


def test_a_product_that_allows_no_registration_gives_no_secret(fleet: Fleet) -> None:
    site = Site(fleet)
    [device] = site.subdevices(1)
    gateway = site.gateway()

    assert gateway.ask(REGISTER, names(device))["code"] == 6288
    said = signed(device, secret_of_product(site))
    assert gateway.ask(REGISTER_BY_PRODUCT, {"proxieds": [said]})["code"] == 6288


@pytest.mark.rule("accounts")
def test_no_gateway_gets_the_secrets_of_another_account(
    site: Site, gateway: ScriptedGateway, accounts: Accounts
) -> None:
    stranger = application(accounts.create(f"owner-{site.product[-6:].lower()}"))
    product = stranger.create_product(f"other_{site.product[-6:]}")
    stranger.call("UpdateProductSettings", ProductKey=product, DynamicRegistration="ANY")
    device = stranger.register(product, "sub-1")
    secret = str(stranger.call("QueryProduct", ProductKey=product)["Data"]["ProductSecret"])

    assert gateway.ask(REGISTER, names(device))["code"] == 6100
    assert gateway.ask(REGISTER_BY_PRODUCT, {"proxieds": [signed(device, secret)]})["code"] == 6100
    assert stranger.call("QueryDeviceInfo", IotId=device.iot_id)["Data"]["DeviceSecret"] == device.secret


def test_a_device_that_is_no_gateway_gets_no_secret(site: Site) -> None:
    device, other = site.subdevices(2)
    client = site.connect(device)

    assert client.ask(REGISTER, names(other))["code"] == 460
