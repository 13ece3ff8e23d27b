"""Statements on asynchronous registrations and the names that they are for."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, exists, func, select, update

from skyferry.store import rows
from skyferry.store.devices import DeviceRecord
from skyferry.store.tables import (
    batch_is_unfinished,
    device_batch_names,
    device_batches,
    devices,
    product_is_kept,
    products,
)


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """A row of `device_batches`."""

    id: int
    instance_id: int
    product_id: int
    named: bool
    wanted: int
    done: int
    status: str


@dataclass(frozen=True, slots=True)
class NameRecord:
    """A row of `device_batch_names`."""

    name: str
    nickname: str | None
    problem: str | None


_COLUMNS = rows.columns(BatchRecord, device_batches)
_NAME_COLUMNS = rows.columns(NameRecord, device_batch_names)
_DEVICE_COLUMNS = rows.columns(DeviceRecord, devices)
_of_product = select(*_COLUMNS).join(products, device_batches.c.product_id == products.c.id)


def insert(tx: Connection, **values: object) -> int:
    """Adds a registration and returns its key, the ApplyId."""
    return int(tx.execute(device_batches.insert().returning(device_batches.c.id), values).scalar_one())


def insert_names(tx: Connection, batch_id: int, names: Sequence[tuple[str, str | None]]) -> None:
    """Adds the names and nicknames that a registration is for."""
    tx.execute(
        device_batch_names.insert(),
        [
            {"batch_id": batch_id, "position": position, "name": name, "nickname": nickname}
            for position, (name, nickname) in enumerate(names)
        ],
    )


def find(tx: Connection, instance_id: int, batch_id: int) -> BatchRecord | None:
    """The registration of this ApplyId."""
    statement = _of_product.where(
        device_batches.c.id == batch_id,
        device_batches.c.instance_id == instance_id,
        product_is_kept,
    )
    return rows.one_of(BatchRecord, tx.execute(statement))


def next_unfinished(tx: Connection) -> BatchRecord | None:
    """The oldest registration that is to be worked on, locked against other workers."""
    statement = (
        _of_product.where(batch_is_unfinished, product_is_kept)
        .order_by(device_batches.c.id)
        .limit(1)
        .with_for_update(of=device_batches, skip_locked=True)
    )
    return rows.one_of(BatchRecord, tx.execute(statement))


def move_on(tx: Connection, batch: BatchRecord, *, done: int, status: str) -> bool:
    """Notes how far a registration is; False when it is not where it was any more."""
    statement = (
        update(device_batches)
        .where(
            device_batches.c.id == batch.id,
            device_batches.c.status == batch.status,
            device_batches.c.done == batch.done,
        )
        .values(done=done, status=status)
    )
    return tx.execute(statement).rowcount == 1


def mark_taken(tx: Connection, batch: BatchRecord, problem: str, *, start: int, end: int) -> None:
    """Writes a problem to those names, from one position up to another, that a device of the product has."""
    taken = exists().where(devices.c.product_id == batch.product_id, devices.c.name == device_batch_names.c.name)
    tx.execute(
        update(device_batch_names)
        .where(
            device_batch_names.c.batch_id == batch.id,
            device_batch_names.c.position >= start,
            device_batch_names.c.position < end,
            taken,
        )
        .values(problem=problem)
    )


def names(tx: Connection, batch_id: int, *, start: int, end: int) -> Sequence[NameRecord]:
    """The names of a registration, from one position up to another."""
    statement = (
        select(*_NAME_COLUMNS)
        .where(
            device_batch_names.c.batch_id == batch_id,
            device_batch_names.c.position >= start,
            device_batch_names.c.position < end,
        )
        .order_by(device_batch_names.c.position)
    )
    return rows.all_of(NameRecord, tx.execute(statement))


def remove_names(tx: Connection, batch_id: int) -> None:
    """Forgets the names of a registration."""
    tx.execute(delete(device_batch_names).where(device_batch_names.c.batch_id == batch_id))


def has_problems(tx: Connection, batch_id: int) -> bool:
    """True when a name of the registration cannot be used."""
    statement = (
        select(device_batch_names.c.position)
        .where(device_batch_names.c.batch_id == batch_id, device_batch_names.c.problem.is_not(None))
        .limit(1)
    )
    return tx.execute(statement).first() is not None


def count_of_devices(tx: Connection, batch_id: int) -> int:
    """How many devices a registration has made."""
    return tx.execute(select(func.count()).select_from(devices).where(devices.c.batch_id == batch_id)).scalar_one()


def page_of_devices(tx: Connection, batch_id: int, *, offset: int, limit: int) -> Sequence[DeviceRecord]:
    """Devices that a registration has made, in the order in which they were made."""
    statement = (
        select(*_DEVICE_COLUMNS)
        .where(devices.c.batch_id == batch_id)
        .order_by(devices.c.id)
        .offset(offset)
        .limit(limit)
    )
    return rows.all_of(DeviceRecord, tx.execute(statement))
