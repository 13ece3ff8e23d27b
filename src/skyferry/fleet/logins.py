"""What a device's log-in is checked against."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from skyferry.keys import SecretBox
from skyferry.store import logins as statements
from skyferry.store.logins import LoginRecord

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """How a device names itself: the key of its product and its own name, unique together on the whole server."""

    product_key: str
    device_name: str


@dataclass(frozen=True, slots=True)
class DeviceToken:
    """What a device that registered without a DeviceSecret logs in with: a clientId and a token that go together."""

    client_id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLogin:
    """A device as its log-in needs it.

    Attributes:
        device_id: the key of the device's row.
        address: how it is named.
        secret: the DeviceSecret, opened.
        token: what it got instead of a secret when it registered itself; None when it did not.
        disabled: True when the device may not log in (DisableThing).
        by_certificate: its product authenticates devices by X.509 certificates and by nothing else.
        may_register: it was reset (ResetThing) and may register itself once more, until it logs in.
    """

    device_id: int
    address: DeviceAddress
    secret: str = field(repr=False)
    token: DeviceToken | None = None
    disabled: bool = False
    by_certificate: bool = False
    may_register: bool = False


def find_logins(tx: Connection, addresses: Sequence[DeviceAddress], box: SecretBox) -> list[DeviceLogin | None]:
    """Looks up many devices at once: for each address its device, or None where there is none.

    Product keys are unique on the server and decide the account, so nothing else fences this look-up. A secret that
    the key file does not open makes its device unknown, and nothing of the other devices in the batch.
    """
    by_product: defaultdict[str, set[str]] = defaultdict(set)
    for address in addresses:
        by_product[address.product_key].add(address.device_name)
    found: dict[DeviceAddress, DeviceLogin] = {}
    for product_key, names in by_product.items():
        for row in statements.select_logins(tx, product_key, names):
            login = _opened(row, box)
            if login is not None:
                found[login.address] = login
    return [found.get(address) for address in addresses]


def find_by_certificate(tx: Connection, digests: Sequence[str], box: SecretBox) -> list[DeviceLogin | None]:
    """Looks up the devices of many certificates at once, by the SHA-256 of their DER in hexadecimal."""
    found = statements.select_by_certificate(tx, set(digests))
    return [_opened(found[digest], box) if digest in found else None for digest in digests]


def close_registrations(tx: Connection, device_ids: Sequence[int]) -> list[None]:
    """Ends the right of devices that were reset to register themselves once more: they have logged in."""
    statements.close_registrations(tx, set(device_ids))
    return [None] * len(device_ids)


def _opened(row: LoginRecord, box: SecretBox) -> DeviceLogin | None:
    try:
        secret = box.open(row.secret_sealed)
        token = None if row.token_sealed is None else DeviceToken(row.client_id or "", box.open(row.token_sealed))
    except InvalidTag:
        log.warning("device_secret_unreadable", device_id=row.id)
        return None
    return DeviceLogin(
        device_id=row.id,
        address=DeviceAddress(row.product_key, row.name),
        secret=secret,
        token=token,
        disabled=row.disabled,
        by_certificate=row.auth_type == "x509",
        may_register=row.open,
    )
