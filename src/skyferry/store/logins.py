"""The statements that a device's log-in needs."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, select, update

from skyferry.store import rows
from skyferry.store.tables import device_certificates, device_registrations, devices, product_is_kept, products


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """What is checked of a device: its row, its product's way to authenticate, and how it registered itself."""

    id: int
    name: str
    secret_sealed: bytes
    disabled: bool
    auth_type: str
    product_key: str
    client_id: str | None
    token_sealed: bytes | None
    open: bool


_COLUMNS = (
    devices.c.id,
    devices.c.name,
    devices.c.secret_sealed,
    devices.c.disabled,
    products.c.auth_type,
    products.c.product_key,
    device_registrations.c.client_id,
    device_registrations.c.token_sealed,
    func.coalesce(device_registrations.c.open, False),
)


def _logins() -> Select[tuple[object, ...]]:
    return (
        select(*_COLUMNS)
        .join(products, devices.c.product_id == products.c.id)
        .outerjoin(device_registrations, device_registrations.c.device_id == devices.c.id)
        .where(product_is_kept)
    )


def select_logins(tx: Connection, product_key: str, names: Collection[str]) -> list[LoginRecord]:
    """The named devices of a product; unknown names are absent.

    Of one product, so that the work grows with the number of names whatever the mixture of products.
    """
    statement = _logins().where(products.c.product_key == product_key, devices.c.name.in_(names))
    return rows.all_of(LoginRecord, tx.execute(statement))


def select_by_certificate(tx: Connection, digests: Collection[str]) -> dict[str, LoginRecord]:
    """The devices of products with AuthType x509 that have one of these certificates, by its digest."""
    statement = (
        _logins()
        .add_columns(device_certificates.c.digest)
        .join(device_certificates, device_certificates.c.device_id == devices.c.id)
        .where(device_certificates.c.digest.in_(digests), products.c.auth_type == "x509")
    )
    return {digest: LoginRecord(*row) for *row, digest in tx.execute(statement)}


def close_registrations(tx: Connection, device_ids: Collection[int]) -> int:
    """Ends the right of devices to register once more; tells how many had it."""
    statement = (
        update(device_registrations)
        .where(device_registrations.c.device_id.in_(device_ids), device_registrations.c.open)
        .values(open=False)
    )
    return tx.execute(statement).rowcount
