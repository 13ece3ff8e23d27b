"""Statements on products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, literal, select, update

from skyferry.store import rows
from skyferry.store.tables import device_counts as counts
from skyferry.store.tables import instances, product_is_kept, products


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """A row of `products`."""

    id: int
    instance_id: int
    product_key: str
    name: str
    secret_sealed: bytes
    node_type: int
    commodity_code: str
    data_format: int | None
    net_type: int
    auth_type: str
    protocol_type: str | None
    category_key: str | None
    description: str | None
    id2: bool
    validate_type: int
    status: str
    created_at: int
    modified_at: int


_COLUMNS = rows.columns(ProductRecord, products)


def insert(tx: Connection, **values: object) -> int:
    """Adds a product and returns its key.

    Raises:
        sqlalchemy.exc.IntegrityError: the name is taken in the instance.
    """
    return int(tx.execute(products.insert().returning(products.c.id), values).scalar_one())


_FIND: Final = select(*_COLUMNS).where(
    products.c.product_key == bindparam("product"), products.c.instance_id == bindparam("instance"), product_is_kept
)


def find(tx: Connection, instance_id: int, product_key: str) -> ProductRecord | None:
    """The product of this key in the instance."""
    return rows.one_of(ProductRecord, tx.execute(_FIND, {"product": product_key, "instance": instance_id}))


def by_id(tx: Connection, key: int) -> ProductRecord:
    """The product of a key that a row refers to."""
    return ProductRecord(*tx.execute(select(*_COLUMNS).where(products.c.id == key)).one())


def name_is_taken(tx: Connection, instance_id: int, name: str) -> bool:
    """True when the instance has a product of this name."""
    statement = select(products.c.id).where(products.c.instance_id == instance_id, products.c.name == name)
    return tx.execute(statement).first() is not None


def count(tx: Connection, instance_id: int, *, commodity_code: str | None = None) -> int:
    """How many products the instance has."""
    statement = select(func.count()).select_from(products).where(products.c.instance_id == instance_id, product_is_kept)
    if commodity_code is not None:
        statement = statement.where(products.c.commodity_code == commodity_code)
    return tx.execute(statement).scalar_one()


def count_of_account(tx: Connection, account_id: int) -> int:
    """How many products the account has in all its instances."""
    statement = (
        select(func.count())
        .select_from(products.join(instances, products.c.instance_id == instances.c.id))
        .where(instances.c.account_id == account_id, product_is_kept)
    )
    return tx.execute(statement).scalar_one()


def page(
    tx: Connection, instance_id: int, *, offset: int, limit: int, commodity_code: str | None = None
) -> Sequence[ProductRecord]:
    """Products of the instance, newest first."""
    statement = select(*_COLUMNS).where(products.c.instance_id == instance_id, product_is_kept)
    if commodity_code is not None:
        statement = statement.where(products.c.commodity_code == commodity_code)
    statement = statement.order_by(products.c.id.desc()).offset(offset).limit(limit)
    return rows.all_of(ProductRecord, tx.execute(statement))


def change(tx: Connection, product_id: int, values: Mapping[str, Any]) -> bool:
    """Changes a product; False when it is deleted."""
    statement = update(products).where(products.c.id == product_id, product_is_kept).values(**values)
    return tx.execute(statement).rowcount == 1


def hold(tx: Connection, product_id: int) -> None:
    """Keeps jobs from being made for a product until the transaction ends."""
    tx.execute(select(products.c.id).where(products.c.id == product_id).with_for_update())


def delete(tx: Connection, product_id: int, *, now: int) -> bool:
    """Deletes a product for everyone who looks; False when it is deleted. Its rows wait for the worker."""
    # No name of a product has a blank: what is given back can be taken, and this never clashes with it.
    freed = literal("deleted ") + products.c.product_key
    return change(tx, product_id, {"name": freed, "deleted_at": now})


def device_counts(tx: Connection, product_ids: Sequence[int]) -> dict[int, int]:
    """How many devices each product has; products without devices are absent."""
    product, number = counts.c.product_id, func.sum(counts.c.devices)
    statement = select(product, number).where(product.in_(product_ids)).group_by(product).having(number > 0)
    return {product_id: int(count) for product_id, count in tx.execute(statement)}
