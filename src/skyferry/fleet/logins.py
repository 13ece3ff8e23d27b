"""What a device's log-in is checked against."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from skyferry.keys import SecretBox
from skyferry.store.logins import select_logins

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """How a device names itself: the key of its product and its own name, unique together on the whole server."""

    product_key: str
    device_name: str


@dataclass(frozen=True, slots=True)
class DeviceLogin:
    """A device as its log-in needs it.

    Attributes:
        device_id: the key of the device's row.
        secret: the DeviceSecret, opened.
        disabled: True when the device may not log in (DisableThing).
    """

    device_id: int
    secret: str = field(repr=False)
    disabled: bool


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
        for row in select_logins(tx, product_key, names):
            try:
                secret = box.open(row.secret_sealed)
            except InvalidTag:
                log.warning("device_secret_unreadable", device_id=row.id)
                continue
            found[DeviceAddress(product_key, row.name)] = DeviceLogin(row.id, secret, row.disabled)
    return [found.get(address) for address in addresses]
