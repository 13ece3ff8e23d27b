"""Statements on devices and their registration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, select, update

from skyferry.store import rows
from skyferry.store.tables import device_batches, devices, module_versions, product_is_kept, products


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """A row of `devices`."""

    id: int
    product_id: int
    name: str
    iot_id: str
    secret_sealed: bytes
    nickname: str | None
    disabled: bool
    connection_id: str | None
    address: str | None
    activated_at: int | None
    online_at: int | None
    status_at: int
    created_at: int
    modified_at: int


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A row of `device_batches`."""

    id: int
    instance_id: int
    product_id: int
    wanted: int
    status: str


_COLUMNS = rows.columns(DeviceRecord, devices)
_BATCH_COLUMNS = rows.columns(BatchRecord, device_batches)


def insert(tx: Connection, values: Sequence[Mapping[str, Any]]) -> None:
    """Adds devices.

    Raises:
        sqlalchemy.exc.IntegrityError: a name is taken in its product.
    """
    tx.execute(devices.insert(), list(values))


def _of_instance(instance_id: int) -> Select[Any]:
    return (
        select(*_COLUMNS)
        .join(products, devices.c.product_id == products.c.id)
        .where(products.c.instance_id == instance_id, product_is_kept)
    )


def find(tx: Connection, instance_id: int, product_key: str, name: str) -> DeviceRecord | None:
    """The device of this name in the product."""
    statement = _of_instance(instance_id).where(products.c.product_key == product_key, devices.c.name == name)
    return rows.one_of(DeviceRecord, tx.execute(statement))


def find_by_iot_id(tx: Connection, instance_id: int, iot_id: str) -> DeviceRecord | None:
    """The device of this IotId."""
    return rows.one_of(DeviceRecord, tx.execute(_of_instance(instance_id).where(devices.c.iot_id == iot_id)))


def ids_by_name(tx: Connection, product_id: int, names: Sequence[str]) -> dict[str, int]:
    """The keys of the named devices; unknown names are absent."""
    found: dict[str, int] = {}
    for chunk in rows.chunks(names):
        statement = select(devices.c.name, devices.c.id).where(
            devices.c.product_id == product_id, devices.c.name.in_(chunk)
        )
        found.update((name, key) for name, key in tx.execute(statement))
    return found


def versions_by_name(
    tx: Connection, product_id: int, names: Sequence[str], module: str
) -> dict[str, tuple[int, str | None]]:
    """Key and version of a module of named devices: None where none was reported; unknown names are absent."""
    same_module = (module_versions.c.device_id == devices.c.id) & (module_versions.c.module == module)
    statement = (
        select(devices.c.name, devices.c.id, module_versions.c.version)
        .select_from(devices.outerjoin(module_versions, same_module))
        .where(devices.c.product_id == product_id, devices.c.name.in_(names))
        .order_by(devices.c.id)
    )
    return {name: (key, version) for name, key, version in tx.execute(statement)}


def count(tx: Connection, product_id: int) -> int:
    """How many devices the product has."""
    return tx.execute(select(func.count()).select_from(devices).where(devices.c.product_id == product_id)).scalar_one()


def highest_id(tx: Connection, product_id: int) -> int:
    """The key of the product's newest device; 0 when it has none."""
    statement = select(devices.c.id).where(devices.c.product_id == product_id).order_by(devices.c.id.desc()).limit(1)
    return tx.execute(statement).scalar() or 0


def page(
    tx: Connection, product_id: int, *, limit: int, offset: int = 0, before: int | None = None
) -> Sequence[DeviceRecord]:
    """Devices of the product, newest first; `before` goes on after the device of that key."""
    statement = select(*_COLUMNS).where(devices.c.product_id == product_id)
    if before is not None:
        statement = statement.where(devices.c.id < before)
    statement = statement.order_by(devices.c.id.desc()).offset(offset).limit(limit)
    return rows.all_of(DeviceRecord, tx.execute(statement))


def module_version(tx: Connection, device_id: int, module: str) -> str | None:
    """The version of a module as the device last reported it."""
    statement = select(module_versions.c.version).where(
        module_versions.c.device_id == device_id, module_versions.c.module == module
    )
    return tx.execute(statement).scalar()


def insert_batch(tx: Connection, **values: object) -> int:
    """Adds an asynchronous registration and returns its key, the ApplyId."""
    return int(tx.execute(device_batches.insert().returning(device_batches.c.id), values).scalar_one())


def _batches() -> Select[Any]:
    return select(*_BATCH_COLUMNS).join(products, device_batches.c.product_id == products.c.id).where(product_is_kept)


def find_batch(tx: Connection, instance_id: int, batch_id: int) -> BatchRecord | None:
    """The registration of this ApplyId."""
    statement = _batches().where(device_batches.c.id == batch_id, device_batches.c.instance_id == instance_id)
    return rows.one_of(BatchRecord, tx.execute(statement))


def next_batch(tx: Connection, status: str) -> BatchRecord | None:
    """The oldest registration in this state."""
    statement = _batches().where(device_batches.c.status == status).order_by(device_batches.c.id).limit(1)
    return rows.one_of(BatchRecord, tx.execute(statement))


def set_batch_status(tx: Connection, batch_id: int, *, old: str, new: str) -> bool:
    """Moves a registration on; False when it was not in the old state."""
    statement = (
        update(device_batches).where(device_batches.c.id == batch_id, device_batches.c.status == old).values(status=new)
    )
    return tx.execute(statement).rowcount == 1


def count_of_batch(tx: Connection, batch_id: int) -> int:
    """How many devices a registration has made."""
    return tx.execute(select(func.count()).select_from(devices).where(devices.c.batch_id == batch_id)).scalar_one()


def page_of_batch(tx: Connection, batch_id: int, *, offset: int, limit: int) -> Sequence[DeviceRecord]:
    """Devices that a registration has made, in the order in which they were made."""
    statement = (
        select(*_COLUMNS).where(devices.c.batch_id == batch_id).order_by(devices.c.id).offset(offset).limit(limit)
    )
    return rows.all_of(DeviceRecord, tx.execute(statement))
