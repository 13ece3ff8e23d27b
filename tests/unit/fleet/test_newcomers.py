"""Devices that move in keep what they log in with; the other platform has the say until they are online here."""

from dataclasses import replace

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from skyferry.fleet import certificates, newcomers, products
from skyferry.fleet.newcomers import Newcomer
from skyferry.fleet.products import NewProduct, ProductIdentity
from skyferry.keys import SecretBox
from skyferry.store import accounts as account_statements
from skyferry.store import certificates as certificate_statements
from skyferry.store import devices, presence, tags
from skyferry.store.accounts import AccountRecord
from skyferry.store.devices import DeviceRecord
from skyferry.store.presence import Arrival
from skyferry.store.products import ProductRecord
from tests.support.authority import Authority

DEVICE = Newcomer(
    name="device-1",
    iot_id="iot-1",
    secret="first",
    nickname="pump_1",
    disabled=False,
    activated_at=5,
    created_at=4,
    tags={"site": "north"},
)


@pytest.fixture
def product(tx: Connection, box: SecretBox, account: AccountRecord) -> ProductRecord:
    [instance] = account_statements.instances_of(tx, account.id)
    return products.create(
        tx,
        NewProduct(name="pumps", node_type=0),
        instance_id=instance.id,
        account_id=account.id,
        box=box,
        now=1,
        identity=ProductIdentity("a1Stub00001", "product secret"),
    )


def found(tx: Connection, product: ProductRecord, name: str = "device-1") -> DeviceRecord:
    [device] = devices.of_names(tx, product.instance_id, product.product_key, [name])
    return device


def test_a_product_keeps_its_key_and_secret(product: ProductRecord, box: SecretBox) -> None:
    assert product.product_key == "a1Stub00001"
    assert box.open(product.secret_sealed) == "product secret"


def test_a_device_keeps_everything(tx: Connection, product: ProductRecord, box: SecretBox) -> None:
    settled = newcomers.settle(tx, product, [DEVICE], box=box, now=9)

    device = found(tx, product)
    assert settled.added == {"device-1"}
    assert (device.iot_id, device.nickname, device.activated_at, device.created_at) == ("iot-1", "pump_1", 5, 4)
    assert (box.open(device.secret_sealed), device.modified_at) == ("first", 9)
    assert tags.of_device(tx, device.id) == {"site": "north"}
    assert newcomers.known(tx, product, ["device-1", "device-2"]) == {"device-1"}


def test_what_has_changed_is_changed(tx: Connection, product: ProductRecord, box: SecretBox) -> None:
    newcomers.settle(tx, product, [DEVICE], box=box, now=9)
    later = replace(DEVICE, secret="second", nickname=None, disabled=True, tags={"row": "7"})

    assert newcomers.settle(tx, product, [later], box=box, now=10).changed == {"device-1"}
    assert newcomers.settle(tx, product, [later], box=box, now=11).changed == set()
    device = found(tx, product)
    assert (box.open(device.secret_sealed), device.nickname, device.state) == ("second", None, 8)
    assert tags.of_device(tx, device.id) == {"site": "north", "row": "7"}


def test_one_that_has_been_online_here_stays_as_it_is(tx: Connection, product: ProductRecord, box: SecretBox) -> None:
    newcomers.settle(tx, product, [DEVICE], box=box, now=9)
    presence.note_arrivals(tx, [Arrival(found(tx, product).id, "connection", "127.0.0.1", 10)])

    settled = newcomers.settle(tx, product, [replace(DEVICE, secret="second", nickname=None)], box=box, now=11)

    assert (settled.changed, settled.kept) == (set(), {"device-1"})
    device = found(tx, product)
    assert (box.open(device.secret_sealed), device.nickname) == ("first", "pump_1")


def test_an_iot_id_that_is_taken_is_refused(tx: Connection, product: ProductRecord, box: SecretBox) -> None:
    newcomers.settle(tx, product, [DEVICE], box=box, now=9)

    with pytest.raises(IntegrityError):
        newcomers.settle(tx, product, [replace(DEVICE, name="device-2")], box=box, now=10)


def test_a_certificate_is_one_devices(tx: Connection, product: ProductRecord, box: SecretBox) -> None:
    issued = Authority().issue("device-1")
    first = replace(DEVICE, certificate=certificates.read(issued.certificate), private_key=issued.key)
    second = replace(first, name="device-2", iot_id="iot-2")

    settled = newcomers.settle(tx, product, [first, second], box=box, now=9)

    assert settled.uncertified == {"device-2"}
    kept = certificate_statements.of_device(tx, found(tx, product).id)
    assert kept is not None
    assert kept.key_sealed is not None
    assert box.open(kept.key_sealed) == issued.key
