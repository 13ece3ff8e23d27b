"""What the look-up of a device that asks over HTTP brings: what it is checked against, and what waits for it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from skyferry.errors import ApiError
from skyferry.fleet import devices
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.product_settings import DeviceProtocol, DynamicRegistration
from skyferry.keys import SecretBox
from skyferry.store import polling as statements
from skyferry.store import product_settings
from skyferry.store import products as product_statements
from skyferry.store.polling import PolledDevice, PolledProduct, PolledTask

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A device that asks, as its row has it.

    Attributes:
        device_id: the key of the device's row.
        secret: the DeviceSecret; None when the key file does not open it.
        disabled: it may not ask (DisableThing).
        tasks: its open tasks, and cancelled ones that it was told of and knows no end of; oldest first.
    """

    device_id: int
    secret: str | None = field(repr=False)
    disabled: bool
    tasks: Sequence[PolledTask]


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known of an address that is asked for.

    Attributes:
        product_id: the key of the product's row.
        gateway_token: what all devices of the product may log in with; None when there is none.
        admits_unknown: a device that does not exist is registered when it comes with the gateway token.
        visitor: the device; None when there is none of this name.
    """

    product_id: int
    gateway_token: str | None = field(repr=False)
    admits_unknown: bool
    visitor: Visitor | None


def find_visits(
    tx: Connection, addresses: Sequence[DeviceAddress], box: SecretBox, *, cancelled: int
) -> list[Visit | None]:
    """Looks up many at once: for each address what is known, or None where no product speaks this protocol.

    One statement for each product, whatever the number of devices. Product keys are unique on the server and decide
    the account, so nothing else fences this look-up.

    Args:
        tx: the transaction.
        addresses: whom to look up.
        box: opens secrets.
        cancelled: the state of cancelled tasks.
    """
    by_product: defaultdict[str, set[str]] = defaultdict(set)
    for address in addresses:
        by_product[address.product_key].add(address.device_name)
    products: dict[str, PolledProduct] = {}
    devices_found: dict[DeviceAddress, tuple[PolledDevice, list[PolledTask]]] = {}
    for product_key, names in by_product.items():
        for row in statements.look_up(tx, product_key, names, cancelled=cancelled):
            products[product_key] = row.product
            if row.device is not None:
                found = devices_found.setdefault(DeviceAddress(product_key, row.device.name), (row.device, []))
                if row.task is not None:
                    found[1].append(row.task)
    return [_visit(products.get(address.product_key), devices_found.get(address), box) for address in addresses]


def _visit(
    product: PolledProduct | None, found: tuple[PolledDevice, list[PolledTask]] | None, box: SecretBox
) -> Visit | None:
    if product is None or product.device_protocol != DeviceProtocol.HAWKBIT:
        return None
    visitor = None
    if found is not None:
        device, tasks = found
        visitor = Visitor(device.id, _opened(device.secret_sealed, box), device.disabled, tasks)
    return Visit(
        product.id,
        _opened(product.gateway_token_sealed, box),
        product.dynamic_registration == DynamicRegistration.ANY,
        visitor,
    )


def _opened(sealed: bytes | None, box: SecretBox) -> str | None:
    if sealed is None:
        return None
    try:
        return box.open(sealed)
    except InvalidTag:
        _log.warning("secret_unreadable")
        return None


def admit(tx: Connection, product_id: int, name: str, *, box: SecretBox, now: int) -> bool:
    """Registers a device that came with the gateway token of a product; False when it cannot be registered."""
    if product_settings.by_id(tx, product_id).dynamic_registration != DynamicRegistration.ANY:
        return False
    try:
        devices.register(tx, product_statements.by_id(tx, product_id), name, None, box=box, now=now)
    except ApiError as error:
        _log.info("device_not_admitted", name=name[:64], reason=str(error))
        return False
    return True
