"""Which devices are in static groups (control-plane reference §9.4)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.store import groups as group_statements
from skyferry.store import memberships as statements
from skyferry.store.groups import GroupRecord

MOST_AT_ONCE: Final = 200
MOST_DEVICES: Final = 20_000
MOST_GROUPS_OF_DEVICE: Final = 10

DeviceNames = Sequence[tuple[str, str]]
"""Devices as a request names them: ProductKey and DeviceName of each."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the devices that were to be put into a group.

    Attributes:
        named: how many were named,
        valid: exist,
        added: were added,
        already: were in the group before,
        in_too_many: were not added, because they are in as many groups as a device may be in.
    """

    named: int
    valid: int
    added: int
    already: int
    in_too_many: int


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of the devices that were to be taken out of a group: how many exist, and how many were in it."""

    valid: int
    removed: int


def add(tx: Connection, group: GroupRecord, devices: DeviceNames) -> Added:
    """Puts devices into a static group, all that can be.

    Raises:
        ApiError: none or too many are named, or the group would have too many.
    """
    group_statements.lock(tx, group.instance_id)
    valid = _found(tx, group, devices)
    already = statements.among(tx, group.id, valid)
    counts = statements.group_counts(tx, valid)
    in_too_many = {key for key in valid - already if counts.get(key, 0) >= MOST_GROUPS_OF_DEVICE}
    new = valid - already - in_too_many
    if statements.size(tx, group.id) + len(new) > MOST_DEVICES:
        raise ApiError(codes.BIND_GROUP_RELATION_FAILED, f"A group has at most {MOST_DEVICES} devices.")
    added = statements.add(tx, group.id, new)
    return Added(len(devices), len(valid), added, len(already), len(in_too_many))


def remove(tx: Connection, group: GroupRecord, devices: DeviceNames) -> Removed:
    """Takes devices out of a static group.

    Raises:
        ApiError: none or too many are named.
    """
    valid = _found(tx, group, devices)
    return Removed(len(valid), statements.remove(tx, group.id, valid))


def _found(tx: Connection, group: GroupRecord, devices: DeviceNames) -> set[int]:
    if not 1 <= len(devices) <= MOST_AT_ONCE:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"Device.N names 1 to {MOST_AT_ONCE} devices.")
    names: defaultdict[str, set[str]] = defaultdict(set)
    for product_key, name in devices:
        names[product_key].add(name)
    return set(statements.named(tx, group.instance_id, names))
