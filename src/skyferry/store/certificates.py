"""Statements on the certificates of devices."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from skyferry.store import rows
from skyferry.store.dialect import upserting
from skyferry.store.tables import device_certificates


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """A row of `device_certificates`; `key_sealed` is None when the certificate is not of our making."""

    device_id: int
    digest: str
    serial: str
    pem: str
    key_sealed: bytes | None
    created_at: int


_COLUMNS = rows.columns(CertificateRecord, device_certificates)


def of_device(tx: Connection, device_id: int) -> CertificateRecord | None:
    """The certificate of a device."""
    statement = select(*_COLUMNS).where(device_certificates.c.device_id == device_id)
    return rows.one_of(CertificateRecord, tx.execute(statement))


def insert(tx: Connection, **values: object) -> bool:
    """Gives a device its certificate; False when it has one, or the certificate is any device's."""
    statement = upserting(tx, device_certificates).on_conflict_do_nothing()
    return tx.execute(statement, values).rowcount == 1


def remove(tx: Connection, device_id: int) -> None:
    """Takes a device's certificate away."""
    tx.execute(device_certificates.delete().where(device_certificates.c.device_id == device_id))
