"""Which sub-devices are behind which gateway: a device has at most one, of its own instance."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from sqlalchemy import Connection

from skyferry.fleet.logins import DeviceAddress
from skyferry.keys import SecretBox
from skyferry.store import dynamic_registration
from skyferry.store import topology as statements
from skyferry.store.topology import GatewayRecord, ListedSubDevice, SubDeviceRecord

log = structlog.get_logger(__name__)

MOST_SUBDEVICES: Final = 2_000
"""Sub-devices of one gateway (device-plane reference §1.2)."""
GATEWAY: Final = 1
"""The NodeType of products whose devices are gateways (control-plane reference §9.1)."""


@dataclass(frozen=True, slots=True)
class SubDeviceQuery:
    """A gateway speaks of a sub-device."""

    gateway_id: int
    address: DeviceAddress


@dataclass(frozen=True, slots=True)
class SubDevice:
    """A device as a gateway's requests need it.

    Attributes:
        device_id: the key of the device's row.
        secret: the DeviceSecret, opened.
        disabled: True when the device may not log in (DisableThing).
        gateway_id: the gateway that it is behind, if any.
    """

    device_id: int
    secret: str = field(repr=False)
    disabled: bool
    gateway_id: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a gateway's query found.

    Attributes:
        by_gateway: False when who asks is no gateway.
        subdevice: the device; None when the gateway's instance has none of this name.
    """

    by_gateway: bool
    subdevice: SubDevice | None


def find_subdevices(tx: Connection, queries: Sequence[SubDeviceQuery], box: SecretBox) -> list[Found]:
    """Looks up many sub-devices at once, those of each gateway in its own instance and nowhere else."""
    gateways = statements.gateways(tx, {query.gateway_id for query in queries})
    wanted: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
    for query in queries:
        if (gateway := _gateway(gateways, query.gateway_id)) is not None:
            wanted[gateway.instance_id, query.address.product_key].add(query.address.device_name)
    found = {
        (instance_id, DeviceAddress(product_key, record.name)): subdevice
        for (instance_id, product_key), names in wanted.items()
        for record in statements.subdevices(tx, instance_id, product_key, names)
        if (subdevice := _opened(record, box)) is not None
    }
    answers: list[Found] = []
    for query in queries:
        gateway = _gateway(gateways, query.gateway_id)
        subdevice = found.get((gateway.instance_id, query.address)) if gateway is not None else None
        answers.append(Found(gateway is not None, subdevice))
    return answers


class Attachable(Enum):
    """Whether sub-devices can be put behind a gateway."""

    YES = auto()
    FULL = auto()
    """The gateway would have too many."""
    GONE = auto()
    """The gateway or a sub-device is deleted."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Sub-devices that are to be behind a gateway. Whoever asks has proved that they may."""

    gateway_id: int
    device_ids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Attached:
    """What became of an attachment.

    Attributes:
        attachable: only YES has changed anything.
        left: the sub-devices that were behind another gateway, by that gateway.
    """

    attachable: Attachable
    left: Mapping[int, frozenset[int]]


def attach(tx: Connection, attachments: Sequence[Attachment], *, now: int, most: int) -> list[Attached]:
    """Puts sub-devices behind gateways; those that were behind another one move. Each attachment whole or not at all.

    Args:
        tx: the transaction.
        attachments: who is to be behind whom.
        now: in milliseconds since the Unix epoch.
        most: sub-devices of one gateway.
    """
    keys = {attachment.gateway_id for attachment in attachments}.union(*(each.device_ids for each in attachments))
    kept = statements.hold(tx, keys)
    return [_attach(tx, attachment, kept, now=now, most=most) for attachment in attachments]


def detach(tx: Connection, gateway_id: int, device_ids: Collection[int]) -> Sequence[int]:
    """Takes sub-devices away from a gateway and gives the keys of those that were behind it."""
    return statements.detach(tx, gateway_id, device_ids)


def unregister(tx: Connection, gateway_id: int, device_ids: Collection[int], *, now: int) -> None:
    """Takes sub-devices away from a gateway, and lets each of those that were behind it register once more."""
    for device_id in statements.detach(tx, gateway_id, device_ids):
        dynamic_registration.open_registration(tx, device_id, now=now)


def subdevices_of(tx: Connection, gateway_id: int) -> Sequence[ListedSubDevice]:
    """All sub-devices of a gateway."""
    return statements.page(tx, gateway_id, offset=0, limit=MOST_SUBDEVICES)


def _attach(tx: Connection, attachment: Attachment, kept: set[int], *, now: int, most: int) -> Attached:
    gateway_id, device_ids = attachment.gateway_id, attachment.device_ids
    if not kept.issuperset({gateway_id, *device_ids}):
        return Attached(Attachable.GONE, {})
    former = statements.gateways_of(tx, device_ids)
    new = [key for key in device_ids if former.get(key) != gateway_id]
    if new and statements.count(tx, gateway_id) + len(new) > most:
        return Attached(Attachable.FULL, {})
    if new:
        statements.attach(tx, gateway_id, new, now=now)
    left: defaultdict[int, set[int]] = defaultdict(set)
    for key in new:
        if key in former:
            left[former[key]].add(key)
    return Attached(Attachable.YES, {gateway: frozenset(keys) for gateway, keys in left.items()})


def _gateway(gateways: Mapping[int, GatewayRecord], key: int) -> GatewayRecord | None:
    gateway = gateways.get(key)
    return gateway if gateway is not None and gateway.node_type == GATEWAY else None


def _opened(record: SubDeviceRecord, box: SecretBox) -> SubDevice | None:
    try:
        secret = box.open(record.secret_sealed)
    except InvalidTag:
        log.warning("device_secret_unreadable", device_id=record.id)
        return None
    return SubDevice(record.id, secret, record.disabled, record.gateway_id)
