"""Statements on the modules of products, and on the versions that devices report of theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.tables import module_versions, modules


@dataclass(frozen=True, slots=True)
class ModuleRecord:
    """A row of `modules`."""

    name: str
    alias: str | None
    description: str | None
    created_at: int
    modified_at: int


_COLUMNS = rows.columns(ModuleRecord, modules)


def _named(product_id: int, folded_name: str) -> tuple[ColumnElement[bool], ...]:
    return modules.c.product_id == product_id, modules.c.folded_name == folded_name


def insert(tx: Connection, product_id: int, folded_name: str, new: ModuleRecord) -> None:
    """Adds a module.

    Raises:
        sqlalchemy.exc.IntegrityError: the product has a module of this name, in whatever letter case.
    """
    values = {column.name: getattr(new, column.name) for column in _COLUMNS}
    tx.execute(modules.insert(), {**values, "product_id": product_id, "folded_name": folded_name})


def of_product(tx: Connection, product_id: int) -> Sequence[ModuleRecord]:
    """The modules of a product, in the order in which they were made."""
    statement = select(*_COLUMNS).where(modules.c.product_id == product_id).order_by(modules.c.id)
    return rows.all_of(ModuleRecord, tx.execute(statement))


def find(tx: Connection, product_id: int, folded_name: str, *, for_change: bool = False) -> ModuleRecord | None:
    """The module of this name. It stays until the transaction ends; with `for_change` nobody else may look until then.

    So a module is not deleted while a package for it is being made.
    """
    statement = select(*_COLUMNS).where(*_named(product_id, folded_name)).with_for_update(read=not for_change)
    return rows.one_of(ModuleRecord, tx.execute(statement))


def change(tx: Connection, product_id: int, folded_name: str, values: Mapping[str, Any]) -> bool:
    """Changes a module; False when the product has none of this name."""
    return tx.execute(update(modules).where(*_named(product_id, folded_name)).values(**values)).rowcount == 1


def remove(tx: Connection, product_id: int, folded_name: str) -> bool:
    """Removes a module; False when the product has none of this name."""
    return tx.execute(delete(modules).where(*_named(product_id, folded_name))).rowcount == 1


def count_versions(tx: Connection, device_id: int) -> int:
    """Of how many modules a device has reported a version."""
    statement = select(func.count()).where(module_versions.c.device_id == device_id)
    return int(tx.execute(statement).scalar_one())


def versions(tx: Connection, device_id: int, *, offset: int, limit: int) -> Sequence[tuple[str, str]]:
    """Modules of a device and their versions as last reported, by the modules' names."""
    statement = (
        select(module_versions.c.module, module_versions.c.version)
        .where(module_versions.c.device_id == device_id)
        .order_by(module_versions.c.module)
        .offset(offset)
        .limit(limit)
    )
    return [(module, version) for module, version in tx.execute(statement)]
