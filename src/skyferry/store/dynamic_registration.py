"""Statements on devices that register themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.dialect import upserting
from skyferry.store.tables import device_registrations, devices, product_is_kept, products


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """What a row of `products` says about who may register."""

    id: int
    product_key: str
    secret_sealed: bytes
    auth_type: str
    dynamic_registration: int


@dataclass(frozen=True, slots=True)
class CandidateRecord:
    """A device that wants to register: `open` is its right to do so although it was online."""

    id: int
    name: str
    disabled: bool
    activated_at: int | None
    open: bool


_PRODUCT_COLUMNS = rows.columns(ProductRecord, products)
_CANDIDATE_COLUMNS: list[ColumnElement[Any]] = [
    devices.c.id,
    devices.c.name,
    devices.c.disabled,
    devices.c.activated_at,
    func.coalesce(device_registrations.c.open, False),
]


def products_of(tx: Connection, product_keys: Collection[str]) -> dict[str, ProductRecord]:
    """The products of these keys; unknown and deleted ones are absent."""
    statement = select(*_PRODUCT_COLUMNS).where(products.c.product_key.in_(product_keys), product_is_kept)
    return {found.product_key: found for found in rows.all_of(ProductRecord, tx.execute(statement))}


def candidates(tx: Connection, product_id: int, names: Collection[str]) -> dict[str, CandidateRecord]:
    """The named devices of a product, locked until the transaction ends; unknown names are absent."""
    statement = (
        select(*_CANDIDATE_COLUMNS)
        .outerjoin(device_registrations, device_registrations.c.device_id == devices.c.id)
        .where(devices.c.product_id == product_id, devices.c.name.in_(names))
        .with_for_update(of=devices)
    )
    return {found.name: found for found in rows.all_of(CandidateRecord, tx.execute(statement))}


def insert_unknown(tx: Connection, values: Sequence[Mapping[str, Any]]) -> None:
    """Adds devices; those whose name was taken meanwhile stay as they are."""
    statement = upserting(tx, devices).on_conflict_do_nothing(index_elements=[devices.c.product_id, devices.c.name])
    tx.execute(statement, list(values))


def set_secrets(tx: Connection, secrets: Mapping[int, bytes], *, now: int) -> None:
    """Gives devices, by their keys, new secrets. The transaction holds their rows."""
    statement = (
        update(devices)
        .where(devices.c.id == bindparam("device"))
        .values(secret_sealed=bindparam("sealed"), modified_at=bindparam("now"))
    )
    given = [{"device": key, "sealed": sealed, "now": now} for key, sealed in secrets.items()]
    tx.execute(statement, given)


def save_registrations(tx: Connection, tokens: Mapping[int, tuple[str, bytes] | None], *, now: int) -> None:
    """Notes that devices have registered, with clientId and token or without; their right to do so has ended."""
    statement = upserting(tx, device_registrations)
    statement = statement.on_conflict_do_update(
        index_elements=[device_registrations.c.device_id],
        set_={
            "client_id": statement.excluded.client_id,
            "token_sealed": statement.excluded.token_sealed,
            "open": False,
            "modified_at": statement.excluded.modified_at,
        },
    )
    values = [
        {
            "device_id": key,
            "client_id": token[0] if token else None,
            "token_sealed": token[1] if token else None,
            "open": False,
            "modified_at": now,
        }
        for key, token in tokens.items()
    ]
    tx.execute(statement, values)


def open_registration(tx: Connection, device_id: int, *, now: int) -> None:
    """Lets a device register once more; what it logs in with stays as it is."""
    statement = upserting(tx, device_registrations)
    statement = statement.on_conflict_do_update(
        index_elements=[device_registrations.c.device_id], set_={"open": True, "modified_at": now}
    )
    tx.execute(statement, {"device_id": device_id, "open": True, "modified_at": now})


def forget_registration(tx: Connection, device_id: int) -> None:
    """Takes a device's token away, and its right to register once more."""
    tx.execute(device_registrations.delete().where(device_registrations.c.device_id == device_id))
