"""Statements on tags of devices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, delete, func, select
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.dialect import upserting
from skyferry.store.tables import device_tags, devices, product_is_kept, products

HIDDEN_KEY: Final = "abc"
"""A reserved key: it is stored, and no query tells or finds it."""


@dataclass(frozen=True, slots=True)
class TaggedDevice:
    """A device that a search has found."""

    product_key: str
    product_name: str
    name: str
    iot_id: str


_FOUND: Final = (products.c.product_key, products.c.name, devices.c.name, devices.c.iot_id)


def put(tx: Connection, instance_id: int, device_id: int, tags: Mapping[str, str]) -> None:
    """Gives a device tags; those of the same keys are overwritten."""
    statement = upserting(tx, device_tags)
    statement = statement.on_conflict_do_update(
        index_elements=[device_tags.c.device_id, device_tags.c.key], set_={"value": statement.excluded.value}
    )
    tx.execute(
        statement,
        [
            {"device_id": device_id, "key": key, "value": value, "instance_id": instance_id}
            for key, value in tags.items()
        ],
    )


def of_device(tx: Connection, device_id: int) -> dict[str, str]:
    """The tags of a device, by key."""
    statement = (
        select(device_tags.c.key, device_tags.c.value)
        .where(device_tags.c.device_id == device_id)
        .order_by(device_tags.c.key)
    )
    return dict(tx.execute(statement).all())


def values_of(tx: Connection, device_ids: Collection[int], key: str) -> dict[int, str]:
    """The value of one tag by device; devices without it are absent."""
    found: dict[int, str] = {}
    for chunk in rows.chunks(device_ids):
        statement = select(device_tags.c.device_id, device_tags.c.value).where(
            device_tags.c.device_id.in_(chunk), device_tags.c.key == key
        )
        found.update((device_id, value) for device_id, value in tx.execute(statement))
    return found


def remove(tx: Connection, device_id: int, key: str) -> None:
    """Takes a tag away, if there is one of this key."""
    tx.execute(delete(device_tags).where(device_tags.c.device_id == device_id, device_tags.c.key == key))


def count(tx: Connection, instance_id: int, tags: Sequence[tuple[str, str]]) -> int:
    """How many devices have all of the tags, of which there is at least one."""
    return int(tx.execute(_having(select(func.count()), instance_id, tags)).scalar_one())


def page(
    tx: Connection, instance_id: int, tags: Sequence[tuple[str, str]], *, offset: int, limit: int
) -> Sequence[TaggedDevice]:
    """Devices that have all of the tags, of which there is at least one, newest first."""
    statement = _having(select(*_FOUND), instance_id, tags)
    statement = statement.order_by(device_tags.c.device_id.desc()).offset(offset).limit(limit)
    return rows.all_of(TaggedDevice, tx.execute(statement))


def _having(statement: Select[Any], instance_id: int, tags: Sequence[tuple[str, str]]) -> Select[Any]:
    """The first tag leads to devices, the others are looked up for each of them."""
    (key, value), *others = tags
    return (
        statement.select_from(device_tags)
        .join(devices, device_tags.c.device_id == devices.c.id)
        .join(products, devices.c.product_id == products.c.id)
        .where(
            device_tags.c.instance_id == instance_id,
            device_tags.c.key == key,
            device_tags.c.value == value,
            product_is_kept,
            *(_also(*other) for other in others),
        )
    )


def _also(key: str, value: str) -> ColumnElement[bool]:
    other = device_tags.alias()
    return (
        select(other.c.device_id)
        .where(other.c.device_id == device_tags.c.device_id, other.c.key == key, other.c.value == value)
        .exists()
    )
