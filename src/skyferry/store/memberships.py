"""Statements on the devices of groups."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, delete, func, insert, literal, or_, select

from skyferry.search.parsing import parse_condition
from skyferry.store import conditions, rows
from skyferry.store.devices import STATISTICS, DeviceRecord, DeviceStatistics
from skyferry.store.dialect import begins_with, sorts_with
from skyferry.store.groups import GroupRecord, members
from skyferry.store.products import ProductRecord
from skyferry.store.tables import devices, group_members, product_is_kept, products

StatementT = TypeVar("StatementT", bound=Select[*tuple[Any, ...]])

_DEVICE = rows.columns(DeviceRecord, devices)
_PRODUCT = rows.columns(ProductRecord, products)


@dataclass(frozen=True, slots=True)
class MemberFilter:
    """Which devices of a group are listed.

    Attributes:
        product_key: those of this product,
        name: of this name,
        name_prefix: whose name begins so,
        status: in this state (ONLINE, OFFLINE, UNACTIVE, DISABLE).
    """

    product_key: str | None = None
    name: str | None = None
    name_prefix: str | None = None
    status: str | None = None


def named(tx: Connection, instance_id: int, names: Mapping[str, Collection[str]]) -> list[int]:
    """The keys of the devices of these names in these products; unknown ones are absent."""
    kept = select(products.c.id, products.c.product_key).where(
        products.c.product_key.in_(list(names)), products.c.instance_id == instance_id, product_is_kept
    )
    wanted = [
        and_(devices.c.product_id == product_id, devices.c.name.in_(names[product_key]))
        for product_id, product_key in tx.execute(kept)
    ]
    return list(tx.execute(select(devices.c.id).where(or_(*wanted))).scalars()) if wanted else []


def among(tx: Connection, key: int, device_ids: Collection[int]) -> set[int]:
    """Which of the devices are in the static group."""
    statement = select(group_members.c.device_id).where(
        group_members.c.group_id == key, group_members.c.device_id.in_(device_ids)
    )
    return set(tx.execute(statement).scalars())


def group_counts(tx: Connection, device_ids: Collection[int]) -> dict[int, int]:
    """How many static groups each device is in; devices in none are absent."""
    statement = (
        select(group_members.c.device_id, func.count())
        .where(group_members.c.device_id.in_(device_ids))
        .group_by(group_members.c.device_id)
    )
    return dict(tx.execute(statement).all())


def size(tx: Connection, key: int) -> int:
    """How many devices are in the static group."""
    return tx.execute(
        select(func.count()).select_from(group_members).where(group_members.c.group_id == key)
    ).scalar_one()


def add(tx: Connection, key: int, device_ids: Collection[int]) -> int:
    """Puts devices that are not in the static group into it, and tells how many still exist."""
    source = select(literal(key), devices.c.id).where(devices.c.id.in_(device_ids))
    return tx.execute(insert(group_members).from_select(["group_id", "device_id"], source)).rowcount


def remove(tx: Connection, key: int, device_ids: Collection[int]) -> int:
    """Takes devices out of the static group, and tells how many were in it."""
    statement = delete(group_members).where(group_members.c.group_id == key, group_members.c.device_id.in_(device_ids))
    return tx.execute(statement).rowcount


def _of_group(statement: StatementT, group: GroupRecord) -> StatementT:
    """The statement on devices and their products, restricted to the group.

    A static group is read from its members, which are few, and not by looking at each device.
    """
    statement = statement.select_from(devices).join(products, devices.c.product_id == products.c.id)
    if group.expression is not None:
        leading = conditions.narrowed(parse_condition(group.expression), group.instance_id)
        return statement.where(members(group), product_is_kept, *leading)
    return statement.join(
        group_members, and_(group_members.c.device_id == devices.c.id, group_members.c.group_id == group.id)
    ).where(product_is_kept)


def statistics(tx: Connection, group: GroupRecord, *, product_key: str | None = None) -> DeviceStatistics:
    """Counts the devices of a group of either type, of all products or of one."""
    statement = _listed(select(*STATISTICS), group, MemberFilter(product_key=product_key))
    return DeviceStatistics(*tx.execute(statement).one())


def _listed(statement: StatementT, group: GroupRecord, wanted: MemberFilter) -> StatementT:
    statement = _of_group(statement, group)
    if wanted.product_key is not None:
        statement = statement.where(products.c.product_key == wanted.product_key)
    if wanted.name is not None:
        statement = statement.where(devices.c.name == wanted.name)
    if wanted.name_prefix is not None:
        statement = statement.where(
            begins_with(devices.c.name, wanted.name_prefix), sorts_with(devices.c.name, wanted.name_prefix)
        )
    if wanted.status is not None:
        statement = statement.where(conditions.has_status(wanted.status))
    return statement


def count(tx: Connection, group: GroupRecord, wanted: MemberFilter) -> int:
    """How many devices of the group the filter lets through."""
    return tx.execute(_listed(select(func.count()), group, wanted)).scalar_one()


def page(
    tx: Connection, group: GroupRecord, wanted: MemberFilter, *, limit: int, offset: int = 0, before: int | None = None
) -> Sequence[tuple[DeviceRecord, ProductRecord]]:
    """Devices of the group that the filter lets through, newest first; `before` goes on after a device's key."""
    statement = _listed(select(*_DEVICE, *_PRODUCT), group, wanted)
    # Members of a static group stand in this order in their table: a page of them is not sorted out of all.
    key = devices.c.id if group.expression is not None else group_members.c.device_id
    if before is not None:
        statement = statement.where(key < before)
    found = tx.execute(statement.order_by(key.desc()).offset(offset).limit(limit))
    return [(DeviceRecord(*row[: len(_DEVICE)]), ProductRecord(*row[len(_DEVICE) :])) for row in found]
