"""Statements on what belongs to the installation as a whole."""

from typing import Final

from sqlalchemy import Connection, insert, select

from skyferry.store.tables import installation, instances

_ONLY_ROW: Final = 1


def key_check(tx: Connection) -> str | None:
    """What was derived from the key of the installation; None before its first start."""
    return tx.execute(select(installation.c.key_check)).scalar()


def set_key_check(tx: Connection, value: str) -> None:
    """Notes what is derived from the key of the installation."""
    tx.execute(insert(installation), {"id": _ONLY_ROW, "key_check": value})


def any_sealed(tx: Connection) -> bytes | None:
    """A secret that the key of the installation opens; None where there is none yet."""
    return tx.execute(select(instances.c.upload_key_sealed).order_by(instances.c.id).limit(1)).scalar()
