"""Statements on what a product says of its devices beyond what the platform's API knows."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from skyferry.store import rows
from skyferry.store.tables import products


@dataclass(frozen=True, slots=True)
class SettingsRecord:
    """The settings in a row of `products`."""

    dynamic_registration: int
    device_protocol: str
    download_base: str | None
    secure_update: bool


_COLUMNS = rows.columns(SettingsRecord, products)


def by_id(tx: Connection, product_id: int) -> SettingsRecord:
    """The settings of a product that a row refers to."""
    return SettingsRecord(*tx.execute(select(*_COLUMNS).where(products.c.id == product_id)).one())
