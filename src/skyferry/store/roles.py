"""Statements on roles."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from skyferry.store import rows
from skyferry.store.tables import accounts, roles


@dataclass(frozen=True, slots=True)
class RoleRecord:
    """A row of `roles`."""

    id: int
    account_id: int
    role_id: str
    name: str
    description: str | None
    longest_session_seconds: int
    created_at: int


@dataclass(frozen=True, slots=True)
class RoleOwner:
    """A role with the account that it belongs to."""

    id: int
    name: str
    account_id: int
    account_uid: str


_ROLE = rows.columns(RoleRecord, roles)


def insert_role(tx: Connection, **values: object) -> None:
    """Adds a role.

    Raises:
        sqlalchemy.exc.IntegrityError: the account has a role of this name.
    """
    tx.execute(roles.insert(), values)


def role_named(tx: Connection, account_id: int, name: str) -> RoleRecord | None:
    """The account's role of this name."""
    statement = select(*_ROLE).where(roles.c.account_id == account_id, roles.c.name == name)
    return rows.one_of(RoleRecord, tx.execute(statement))


def roles_of(tx: Connection, account_id: int) -> Sequence[RoleRecord]:
    """The account's roles by name."""
    statement = select(*_ROLE).where(roles.c.account_id == account_id).order_by(roles.c.name)
    return rows.all_of(RoleRecord, tx.execute(statement))


def role_owner(tx: Connection, role_id: str) -> RoleOwner | None:
    """The role with this `RoleId`, and whose it is."""
    statement = (
        select(roles.c.id, roles.c.name, roles.c.account_id, accounts.c.uid)
        .select_from(roles.join(accounts))
        .where(roles.c.role_id == role_id)
    )
    return rows.one_of(RoleOwner, tx.execute(statement))


def delete_role(tx: Connection, account_id: int, name: str) -> bool:
    """Removes a role with its attachments; False when the account has none of this name."""
    statement = delete(roles).where(roles.c.account_id == account_id, roles.c.name == name)
    return tx.execute(statement).rowcount == 1
