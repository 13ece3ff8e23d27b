"""The certificates of devices: issued once, given, voided."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Connection

from skyferry.errors import ApiError
from skyferry.fleet import certificates
from skyferry.fleet.devices import DeviceReference
from skyferry.fleet.logins import find_by_certificate
from skyferry.keys import SecretBox
from skyferry.store.tables import products
from tests.support.authority import Authority
from tests.support.databases import scratch
from tests.unit.devices.fleet import PRODUCT_KEY, add_devices, add_product, create

BOX = SecretBox(bytes(32))
NOW = 1_700_000_000_000
AUTHORITY = Authority()


@dataclass(frozen=True)
class Issued:
    certificate: str = "the certificate"
    key: str = "the key"
    serial: str = "01"
    digest: str = "d1"


@pytest.fixture
def tx() -> Iterator[Connection]:
    with scratch() as connection:
        create(connection)
        add_product(connection, PRODUCT_KEY)
        connection.execute(products.update().values(auth_type="x509"))
        add_devices(connection, BOX, PRODUCT_KEY, ["dev-1", "dev-2"])
        yield connection


def named(name: str = "dev-1") -> DeviceReference:
    return DeviceReference(None, PRODUCT_KEY, name)


def keep(tx: Connection, issued: Issued, name: str = "dev-1") -> certificates.Holder:
    return certificates.keep_issued(tx, 1, named(name), issued, box=BOX, now=NOW)


def replace(tx: Connection, pem: str | None, name: str = "dev-1") -> None:
    given = None if pem is None else certificates.read(pem)
    certificates.replace(tx, 1, named(name), given, now=NOW)


def known(tx: Connection, digest: str) -> str | None:
    [login] = find_by_certificate(tx, [digest], BOX)
    return None if login is None else login.address.device_name


def test_of_two_that_issue_at_once_the_first_counts(tx: Connection) -> None:
    assert certificates.find(tx, 1, named()).certificate is None
    keep(tx, Issued())
    later = keep(tx, Issued("another", "key", "02", "d2"))
    assert later.certificate is not None
    assert (later.certificate.pem, later.certificate.digest) == ("the certificate", "d1")
    assert later.certificate.key_sealed is not None
    assert BOX.open(later.certificate.key_sealed) == "the key"
    assert (known(tx, "d1"), known(tx, "d2")) == ("dev-1", None)


def test_a_given_certificate_takes_the_place_of_the_old_one(tx: Connection) -> None:
    keep(tx, Issued())
    pem = AUTHORITY.issue("dev-1").certificate
    replace(tx, pem + AUTHORITY.certificate)  # with its chain
    found = certificates.find(tx, 1, named()).certificate
    assert found is not None
    assert (found.pem, found.key_sealed) == (pem, None)
    assert (known(tx, found.digest), known(tx, "d1")) == ("dev-1", None)


def test_a_voided_certificate_makes_room_for_a_new_one(tx: Connection) -> None:
    keep(tx, Issued())
    replace(tx, None)
    assert known(tx, "d1") is None
    assert certificates.find(tx, 1, named()).certificate is None


def test_a_certificate_is_one_devices_own(tx: Connection) -> None:
    pem = AUTHORITY.issue("dev-1").certificate
    replace(tx, pem)
    replace(tx, pem)  # once more is no harm
    with pytest.raises(ApiError, match="another device"):
        replace(tx, pem, "dev-2")


@pytest.mark.parametrize("text", ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ä"])
def test_what_is_no_certificate(text: str) -> None:
    with pytest.raises(ApiError, match="PEM"):
        certificates.read(text)


def test_who_has_none(tx: Connection) -> None:
    with pytest.raises(ApiError, match="no device"):
        certificates.find(tx, 1, named("dev-9"))
    with pytest.raises(ApiError):
        certificates.find(tx, 2, named())
    tx.execute(products.update().values(auth_type="secret"))
    with pytest.raises(ApiError, match="x509"):
        certificates.find(tx, 1, named())
