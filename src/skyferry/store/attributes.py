"""Statements on what devices say of themselves besides versions."""

from collections.abc import Collection, Mapping

from sqlalchemy import Connection, delete, select

from skyferry.store.dialect import upserting
from skyferry.store.tables import device_attributes


def of_device(tx: Connection, device_id: int) -> dict[str, str]:
    """The attributes of a device."""
    statement = select(device_attributes.c.key, device_attributes.c.value).where(
        device_attributes.c.device_id == device_id
    )
    return dict(tx.execute(statement.order_by(device_attributes.c.key)).all())


def put(tx: Connection, device_id: int, values: Mapping[str, str]) -> None:
    """Sets attributes and leaves the others."""
    statement = upserting(tx, device_attributes)
    statement = statement.on_conflict_do_update(
        index_elements=[device_attributes.c.device_id, device_attributes.c.key],
        set_={"value": statement.excluded.value},
    )
    tx.execute(statement, [{"device_id": device_id, "key": key, "value": value} for key, value in values.items()])


def remove(tx: Connection, device_id: int, keys: Collection[str]) -> None:
    """Takes attributes away."""
    tx.execute(
        delete(device_attributes).where(device_attributes.c.device_id == device_id, device_attributes.c.key.in_(keys))
    )
