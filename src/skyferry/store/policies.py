"""Statements on policies and on what they are attached to: RAM users and roles."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, exists, func, select, update

from skyferry.store import rows
from skyferry.store.tables import policies, policy_attachments, role_policies


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A row of `policies`."""

    id: int
    account_id: int
    name: str
    document: Any
    created_at: int


_POLICY = rows.columns(PolicyRecord, policies)


def insert_policy(tx: Connection, **values: object) -> int:
    """Adds a policy and returns its key.

    Raises:
        sqlalchemy.exc.IntegrityError: the account has a policy of this name.
    """
    return int(tx.execute(policies.insert().returning(policies.c.id), values).scalar_one())


def policy_named(tx: Connection, account_id: int, name: str) -> PolicyRecord | None:
    """The account's policy of this name."""
    statement = select(*_POLICY).where(policies.c.account_id == account_id, policies.c.name == name)
    return rows.one_of(PolicyRecord, tx.execute(statement))


def policies_of(tx: Connection, account_id: int) -> Sequence[PolicyRecord]:
    """The account's policies by name."""
    statement = select(*_POLICY).where(policies.c.account_id == account_id).order_by(policies.c.name)
    return rows.all_of(PolicyRecord, tx.execute(statement))


def page_of_policies(
    tx: Connection, account_id: int, *, after: str, without: Collection[str], limit: int
) -> Sequence[PolicyRecord]:
    """The account's first policies with a name above `after`, by name; those of the names `without` are left out."""
    statement = select(*_POLICY).where(
        policies.c.account_id == account_id, policies.c.name > after, policies.c.name.not_in(without)
    )
    return rows.all_of(PolicyRecord, tx.execute(statement.order_by(policies.c.name).limit(limit)))


def attachment_counts(tx: Connection, account_id: int, names: Collection[str]) -> Mapping[str, int]:
    """To how many RAM users and roles each of the named policies is attached; those without a row are absent."""
    counts = [
        select(func.count()).select_from(table).where(table.c.policy_id == policies.c.id).scalar_subquery()
        for table in (policy_attachments, role_policies)
    ]
    statement = select(policies.c.name, counts[0] + counts[1]).where(
        policies.c.account_id == account_id, policies.c.name.in_(names)
    )
    return {name: int(number) for name, number in tx.execute(statement)}


def policies_of_user(tx: Connection, ram_user_id: int) -> Sequence[PolicyRecord]:
    """The policies that are attached to a RAM user, by name."""
    return _attached(tx, policy_attachments, ram_user_id)


def policies_of_role(tx: Connection, role_id: int) -> Sequence[PolicyRecord]:
    """The policies that are attached to a role, by name."""
    return _attached(tx, role_policies, role_id)


def set_policy_document(tx: Connection, account_id: int, name: str, document: object) -> bool:
    """Replaces a policy's document; False when the account has no policy of this name."""
    statement = (
        update(policies).where(policies.c.account_id == account_id, policies.c.name == name).values(document=document)
    )
    return tx.execute(statement).rowcount == 1


def delete_policy(tx: Connection, account_id: int, name: str) -> bool:
    """Removes a policy and detaches it from everyone; False when the account has no policy of this name."""
    statement = delete(policies).where(policies.c.account_id == account_id, policies.c.name == name)
    return tx.execute(statement).rowcount == 1


def attach_to_user(tx: Connection, policy_id: int, ram_user_id: int) -> None:
    """Attaches a policy to a RAM user; nothing happens when it is attached already."""
    _attach(tx, policy_attachments, policy_id, ram_user_id)


def attach_to_role(tx: Connection, policy_id: int, role_id: int) -> None:
    """Attaches a policy to a role; nothing happens when it is attached already."""
    _attach(tx, role_policies, policy_id, role_id)


def detach_from_user(tx: Connection, policy_id: int, ram_user_id: int) -> bool:
    """Detaches a policy from a RAM user; False when it was not attached."""
    return _detach(tx, policy_attachments, policy_id, ram_user_id)


def detach_from_role(tx: Connection, policy_id: int, role_id: int) -> bool:
    """Detaches a policy from a role; False when it was not attached."""
    return _detach(tx, role_policies, policy_id, role_id)


def attachment_count(tx: Connection, policy_id: int) -> int:
    """To how many RAM users and roles the policy is attached."""
    counts = [
        select(func.count()).select_from(table).where(table.c.policy_id == policy_id).scalar_subquery()
        for table in (policy_attachments, role_policies)
    ]
    return int(tx.execute(select(counts[0] + counts[1])).scalar_one())


def _attached(tx: Connection, table: Table, owner_id: int) -> Sequence[PolicyRecord]:
    statement = (
        select(*_POLICY).select_from(policies.join(table)).where(_owner(table) == owner_id).order_by(policies.c.name)
    )
    return rows.all_of(PolicyRecord, tx.execute(statement))


def _attach(tx: Connection, table: Table, policy_id: int, owner_id: int) -> None:
    owner = _owner(table)
    there = exists().where(table.c.policy_id == policy_id, owner == owner_id)
    if not tx.execute(select(there)).scalar_one():
        tx.execute(table.insert(), {"policy_id": policy_id, owner.name: owner_id})


def _detach(tx: Connection, table: Table, policy_id: int, owner_id: int) -> bool:
    statement = delete(table).where(table.c.policy_id == policy_id, _owner(table) == owner_id)
    return tx.execute(statement).rowcount == 1


def _owner(table: Table) -> Column[int]:
    """The column of a table of attachments that says to whom."""
    return table.c.ram_user_id if table is policy_attachments else table.c.role_id
