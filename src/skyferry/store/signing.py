"""Statements on the keys that sign packages."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from skyferry.store import rows
from skyferry.store.dialect import upserting
from skyferry.store.tables import products, signing_keys


@dataclass(frozen=True, slots=True)
class SigningKeyRecord:
    """A row of `signing_keys`."""

    product_id: int
    key_id: str
    private_sealed: bytes
    public_pem: str
    created_at: int
    retired_at: int | None


_COLUMNS = rows.columns(SigningKeyRecord, signing_keys)


def insert(tx: Connection, record: SigningKeyRecord) -> bool:
    """Adds a key; False when the product has an active one, or has or had this one."""
    values = {name: getattr(record, name) for name in SigningKeyRecord.__dataclass_fields__}
    return tx.execute(upserting(tx, signing_keys).values(values).on_conflict_do_nothing()).rowcount == 1


def retire(tx: Connection, product_id: int, key_id: str, *, now: int) -> bool:
    """Takes the right to sign from a key; False when it does not sign."""
    statement = update(signing_keys).where(
        signing_keys.c.product_id == product_id,
        signing_keys.c.key_id == key_id,
        signing_keys.c.retired_at.is_(None),
    )
    return tx.execute(statement.values(retired_at=now)).rowcount == 1


def active(tx: Connection, product_id: int) -> SigningKeyRecord | None:
    """The key that signs the packages of a product, whether the product has them signed or not."""
    statement = select(*_COLUMNS).where(signing_keys.c.product_id == product_id, signing_keys.c.retired_at.is_(None))
    return rows.one_of(SigningKeyRecord, tx.execute(statement))


def signing(tx: Connection, product_id: int) -> SigningKeyRecord | None:
    """The key that signs the packages of a product; None when the product does not have them signed."""
    statement = (
        select(*_COLUMNS)
        .join(products, signing_keys.c.product_id == products.c.id)
        .where(products.c.id == product_id, products.c.secure_update, signing_keys.c.retired_at.is_(None))
    )
    return rows.one_of(SigningKeyRecord, tx.execute(statement))


def all_of(tx: Connection, product_id: int) -> Sequence[SigningKeyRecord]:
    """All keys of a product, newest first."""
    statement = select(*_COLUMNS).where(signing_keys.c.product_id == product_id).order_by(signing_keys.c.id.desc())
    return rows.all_of(SigningKeyRecord, tx.execute(statement))


def count(tx: Connection, product_id: int) -> int:
    """How many keys a product has and had."""
    statement = select(func.count()).select_from(signing_keys).where(signing_keys.c.product_id == product_id)
    return tx.execute(statement).scalar_one()
