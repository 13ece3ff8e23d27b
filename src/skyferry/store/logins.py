"""The statement that a device's log-in needs."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from skyferry.store import rows
from skyferry.store.tables import devices, product_is_kept, products


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """What is checked of a row of `devices`."""

    id: int
    name: str
    secret_sealed: bytes
    disabled: bool


_COLUMNS = rows.columns(LoginRecord, devices)


def select_logins(tx: Connection, product_key: str, names: Collection[str]) -> list[LoginRecord]:
    """The named devices of a product; unknown names are absent.

    Of one product, so that the work grows with the number of names whatever the mixture of products.
    """
    statement = (
        select(*_COLUMNS)
        .join(products, devices.c.product_id == products.c.id)
        .where(products.c.product_key == product_key, product_is_kept, devices.c.name.in_(names))
    )
    return rows.all_of(LoginRecord, tx.execute(statement))
