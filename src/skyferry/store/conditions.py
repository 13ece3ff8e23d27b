"""Conditions of the search language (`skyferry.search.syntax`) as SQL: every value is bound, no text is pasted.

A condition is about a row of `devices`; what other tables say of the device is asked in subqueries, so that it can
stand in any statement that has `devices` among its tables.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from operator import eq, ge, gt, le, lt
from typing import Any, Final

from sqlalchemy import Select, and_, exists, or_, select
from sqlalchemy.sql.elements import ColumnElement

from skyferry.search.syntax import Belonging, Condition, Either, Every, Field, Moment, Operator, Words
from skyferry.store.dialect import begins_with, sorts_with
from skyferry.store.tables import (
    DeviceState,
    device_tags,
    devices,
    group_members,
    groups,
    module_versions,
    product_is_kept,
    products,
)
from skyferry.store.tags import HIDDEN_KEY

_STATES: Final[Mapping[str, Collection[DeviceState]]] = {
    "ONLINE": (DeviceState.ONLINE,),
    "OFFLINE": (DeviceState.OFFLINE,),
    "UNACTIVE": (DeviceState.UNACTIVE,),
    "DISABLE": (DeviceState.DISABLED, DeviceState.DISABLED_UNACTIVE),
}
_COLUMNS: Final[Mapping[Field, ColumnElement[Any]]] = {
    Field.IOT_ID: devices.c.iot_id,
    Field.NAME: devices.c.name,
    Field.NICKNAME: devices.c.nickname,
    Field.ACTIVE_TIME: devices.c.activated_at,
    Field.GMT_CREATE: devices.c.created_at,
    Field.GMT_MODIFIED: devices.c.modified_at,
    Field.TAG_NAME: device_tags.c.key,
    Field.TAG_VALUE: device_tags.c.value,
    Field.MODULE_NAME: module_versions.c.module,
    Field.MODULE_VERSION: module_versions.c.version,
}
_COMPARISONS: Final[Mapping[Operator, Callable[[Any, Any], Any]]] = {
    Operator.EQUAL: eq,
    Operator.LESS: lt,
    Operator.LESS_OR_EQUAL: le,
    Operator.GREATER: gt,
    Operator.GREATER_OR_EQUAL: ge,
}


def column_of(field: Field) -> ColumnElement[Any]:
    """The column of `devices` by which a time can be sorted."""
    return _COLUMNS[field]


def has_status(status: str) -> ColumnElement[bool]:
    """True for devices in this state: ONLINE, OFFLINE, UNACTIVE or DISABLE."""
    return devices.c.state.in_(_STATES[status])


def of_instance(instance_id: int) -> ColumnElement[bool]:
    """True for devices of the instance's products."""
    owned = select(products.c.id).where(products.c.instance_id == instance_id, product_is_kept)
    return devices.c.product_id.in_(owned.correlate(None))


def compiled(condition: Condition) -> ColumnElement[bool]:
    """The condition on a row of `devices`. The caller fences it by instance."""
    match condition:
        case Every(parts):
            return and_(*map(compiled, parts))
        case Either(parts):
            return or_(*map(compiled, parts))
        case Moment(field, operator, at):
            return _compared(_COLUMNS[field], operator, at)
        case Belonging():
            return _belonging(condition)
        case Words():
            return _said(condition)


def _said(words: Words) -> ColumnElement[bool]:
    match words.field:
        case Field.PRODUCT_KEY if words.operator is Operator.EQUAL:
            product = select(products.c.id).where(products.c.product_key == words.values[0])
            return devices.c.product_id == product.correlate(None).scalar_subquery()
        case Field.PRODUCT_KEY:
            return _of_products(words)
        case Field.GROUP_ID:
            within = _memberships(words).where(group_members.c.device_id == devices.c.id).correlate(devices).exists()
            return ~within if words.operator is Operator.NOT_EQUAL else within
        case Field.STATUS:
            states = [state for status in words.values for state in _STATES[status]]
            is_other = words.operator is Operator.NOT_EQUAL
            return devices.c.state.not_in(states) if is_other else devices.c.state.in_(states)
        case field:
            return _words(_COLUMNS[field], words)


def narrowed(condition: Condition, instance_id: int) -> Iterator[ColumnElement[bool]]:
    """What follows from a condition and leads to its devices by an index, for a search in a whole instance.

    Without it every device is looked at, which is right for a statement that goes through them in portions.
    """
    for part in condition.parts if isinstance(condition, Every) else (condition,):
        match part:
            case Belonging(name=Words()) if _is_tag(part):
                tagged = select(device_tags.c.device_id).where(device_tags.c.instance_id == instance_id, *_held(part))
                yield devices.c.id.in_(tagged.correlate(None))
            case Words(Field.GROUP_ID, Operator.EQUAL | Operator.IN):
                yield devices.c.id.in_(_memberships(part).correlate(None))
            case Words(Field.NAME | Field.IOT_ID as field, Operator.LIKE, (prefix,)):
                yield sorts_with(_COLUMNS[field], prefix)


def running(condition: Condition) -> Iterator[Select[int]]:
    """The devices of each version that must be theirs, of all instances: what leads to few devices, where they are few.

    A version that many devices run leads to more than a page of them needs: `narrowed` leaves versions alone.
    """
    for part in condition.parts if isinstance(condition, Every) else (condition,):
        match part:
            case Belonging(value=Words(Field.MODULE_VERSION, Operator.EQUAL | Operator.IN)):
                yield select(module_versions.c.device_id).where(*_held(part)).correlate(None)


def _compared(column: ColumnElement[Any], operator: Operator, value: object) -> ColumnElement[bool]:
    """An absent value differs from every other, and is neither above nor below."""
    if operator is Operator.NOT_EQUAL:
        return column.is_distinct_from(value)
    compared: ColumnElement[bool] = _COMPARISONS[operator](column, value)
    return compared


def _words(column: ColumnElement[str], words: Words) -> ColumnElement[bool]:
    match words.operator:
        case Operator.IN:
            return column.in_(words.values)
        case Operator.LIKE:
            return begins_with(column, words.values[0])
        case operator:
            return _compared(column, operator, words.values[0])


def _of_products(words: Words) -> ColumnElement[bool]:
    if words.operator is Operator.LIKE:
        named = begins_with(products.c.product_key, words.values[0])
    else:
        named = products.c.product_key.in_(words.values)
    found = select(products.c.id).where(named).correlate(None)
    is_other = words.operator is Operator.NOT_EQUAL
    return devices.c.product_id.not_in(found) if is_other else devices.c.product_id.in_(found)


def _memberships(words: Words) -> Select[int]:
    """The devices of the static groups that the words name."""
    return (
        select(group_members.c.device_id)
        .join(groups, group_members.c.group_id == groups.c.id)
        .where(groups.c.group_id.in_(words.values))
    )


def _belonging(belonging: Belonging) -> ColumnElement[bool]:
    table = device_tags if _is_tag(belonging) else module_versions
    return exists().where(table.c.device_id == devices.c.id, *_held(belonging)).correlate(devices)


def _is_tag(belonging: Belonging) -> bool:
    half = belonging.name or belonging.value
    return half is not None and half.field in {Field.TAG_NAME, Field.TAG_VALUE}


def _held(belonging: Belonging) -> Iterator[ColumnElement[bool]]:
    """What is true of the row of the tag or module."""
    for half in (belonging.name, belonging.value):
        if half is not None:
            yield _words(_COLUMNS[half.field], half)
    if _is_tag(belonging):
        yield device_tags.c.key != HIDDEN_KEY
