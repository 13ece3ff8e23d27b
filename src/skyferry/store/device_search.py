"""Statements of QueryDeviceBySQL."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from skyferry.search.syntax import Condition, Every, Field, Order, Statement, Words
from skyferry.store import conditions, rows
from skyferry.store.devices import DeviceRecord
from skyferry.store.dialect import begins_with, sorts_with
from skyferry.store.tables import (
    device_tags,
    devices,
    group_members,
    groups,
    module_versions,
    product_is_kept,
    products,
)
from skyferry.store.tags import HIDDEN_KEY

_DEVICE = rows.columns(DeviceRecord, devices)
_LISTED: Final = devices.alias()
_FEW: Final = 10_000
"""So many devices are sorted to find the newest of them."""


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """A device with what a search may ask of it.

    Attributes:
        groups: the GroupIds of the static groups that it was put into,
        tags: names and values,
        modules: names and versions.
    """

    device: DeviceRecord
    product_key: str
    groups: Sequence[str]
    tags: Sequence[tuple[str, str]]
    modules: Sequence[tuple[str, str]]


def _where(instance_id: int, condition: Condition) -> Iterator[ColumnElement[bool]]:
    yield conditions.of_instance(instance_id)
    yield from conditions.narrowed(condition, instance_id)
    yield conditions.compiled(condition)


def _in_order(order: Order) -> ColumnElement[int]:
    """Devices without the time come last, in whatever direction: the databases differ in where they put them."""
    column = conditions.column_of(order.field)
    return (column.desc() if order.descending else column.asc()).nulls_last()


def count(tx: Connection, instance_id: int, statement: Statement) -> int:
    """How many devices of the instance the statement is about."""
    found = select(func.count()).select_from(devices).where(*_where(instance_id, statement.where))
    return tx.execute(found.where(*_running(tx, statement.where))).scalar_one()


def search(tx: Connection, instance_id: int, statement: Statement) -> list[FoundDevice]:
    """The devices of the instance that the statement asks for, in its order, the newest first where it says none."""
    wanted = (
        select(products.c.product_key, *_DEVICE)
        .join(products, devices.c.product_id == products.c.id)
        .where(*_where(instance_id, statement.where), *_running(tx, statement.where))
        .order_by(*map(_in_order, statement.order), devices.c.id.desc())
        .offset(statement.offset)
        .limit(statement.limit)
    )
    return _found(tx, wanted)


def page(
    tx: Connection,
    instance_id: int,
    condition: Condition | None,
    *,
    product_id: int | None,
    limit: int,
    before: int | None,
) -> list[FoundDevice]:
    """The devices of the instance for which the condition is true, newest first; None means all.

    The newest of each product are found by its index and put in order then, so that no list sorts the fleet.

    Args:
        tx: the transaction.
        instance_id: whose devices.
        condition: which of them.
        product_id: the key of their product; None means all products.
        limit: how many at most.
        before: the key of the device after which the list goes on.
    """
    leading = _leading(tx, instance_id, condition, product_id) if condition else ()
    newest = _newest(condition, leading, before).limit(limit)
    return _found(tx, _merged(instance_id, product_id, newest).order_by(_LISTED.c.id.desc()).limit(limit))


def page_by_name(
    tx: Connection, instance_id: int, prefix: str, *, product_id: int | None, limit: int, after: tuple[str, int] | None
) -> list[FoundDevice]:
    """The devices of the instance whose names begin so, in the order of names.

    That is the order of an index, so that a page costs the same however many names begin so.

    Args:
        tx: the transaction.
        instance_id: whose devices.
        prefix: what their names begin with.
        product_id: the key of their product; None means all products.
        limit: how many at most.
        after: name and key of the device after which the list goes on.
    """
    name, key = devices.c.name, devices.c.id
    lead = sorts_with(name, prefix, first=after[0] if after else "")
    found = select(key).where(devices.c.product_id == products.c.id, lead, begins_with(name, prefix))
    found = found.order_by(name, key).limit(limit)
    if after:
        found = found.where(or_(name > after[0], key > after[1]))
    return _found(tx, _merged(instance_id, product_id, found).order_by(_LISTED.c.name, _LISTED.c.id).limit(limit))


def _merged(instance_id: int, product_id: int | None, found: Select[int]) -> Select[Any]:
    """The devices whose keys a statement finds for each of the instance's products, or for one of them."""
    wanted = (
        select(products.c.product_key, *rows.columns(DeviceRecord, _LISTED))
        .select_from(products.join(_LISTED, _LISTED.c.id.in_(found.correlate(products))))
        .where(products.c.instance_id == instance_id, product_is_kept)
    )
    return wanted if product_id is None else wanted.where(products.c.id == product_id)


def _leading(
    tx: Connection, instance_id: int, condition: Condition, product_id: int | None
) -> Sequence[ColumnElement[bool]]:
    """What leads to the devices by an index, where they are few; nothing where they are many.

    Many devices need not be sorted to find the newest: going through the product's newest finds a page of them sooner.
    """
    if running := list(_running(tx, condition)):
        return running
    found = [*conditions.narrowed(condition, instance_id), *_states(condition)]
    if not found:
        return ()
    within = conditions.of_instance(instance_id) if product_id is None else devices.c.product_id == product_id
    one_more = select(devices.c.id).where(within, *found).offset(_FEW).limit(1)
    return () if tx.execute(one_more).first() else found


def _running(tx: Connection, condition: Condition) -> Iterator[ColumnElement[bool]]:
    """What leads to the devices of a version that few devices run."""
    for found in conditions.running(condition):
        if tx.execute(found.offset(_FEW).limit(1)).first() is None:
            yield devices.c.id.in_(found)


def _states(condition: Condition) -> Iterator[ColumnElement[bool]]:
    for part in condition.parts if isinstance(condition, Every) else (condition,):
        if isinstance(part, Words) and part.field is Field.STATUS:
            yield conditions.compiled(part)


def _newest(condition: Condition | None, leading: Sequence[ColumnElement[bool]], before: int | None) -> Select[int]:
    """The keys of a product's devices, newest first."""
    # In a form that the index over keys does not serve where another one leads to few devices.
    key = devices.c.id + 0 if leading else devices.c.id
    found = select(devices.c.id).where(devices.c.product_id == products.c.id, *leading).order_by(key.desc())
    if condition is not None:
        found = found.where(conditions.compiled(condition))
    return found if before is None else found.where(key < before)


def _found(tx: Connection, wanted: Select[Any]) -> list[FoundDevice]:
    """The devices of a statement, with what other tables say of them."""
    found = [(product_key, DeviceRecord(*row)) for product_key, *row in tx.execute(wanted)]
    ids = [device.id for _, device in found]
    memberships = _by_device(tx, _groups_of(ids))
    shown = device_tags.c.key != HIDDEN_KEY
    tags = _by_device(
        tx, _of_devices(ids, device_tags.c.device_id, device_tags.c.key, device_tags.c.value).where(shown)
    )
    modules = _by_device(
        tx, _of_devices(ids, module_versions.c.device_id, module_versions.c.module, module_versions.c.version)
    )
    return [
        FoundDevice(
            device, product_key, [group for group, _ in memberships[device.id]], tags[device.id], modules[device.id]
        )
        for product_key, device in found
    ]


def _groups_of(ids: Collection[int]) -> Select[int, str, str]:
    return (
        select(group_members.c.device_id, groups.c.group_id, groups.c.name)
        .join(groups, group_members.c.group_id == groups.c.id)
        .where(group_members.c.device_id.in_(ids))
        .order_by(groups.c.id)
    )


def _of_devices(
    ids: Collection[int], device: ColumnElement[int], name: ColumnElement[str], value: ColumnElement[str]
) -> Select[int, str, str]:
    return select(device, name, value).where(device.in_(ids)).order_by(device, name)


def _by_device(tx: Connection, statement: Select[int, str, str]) -> defaultdict[int, list[tuple[str, str]]]:
    found: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for device_id, name, value in tx.execute(statement):
        found[device_id].append((name, value))
    return found
