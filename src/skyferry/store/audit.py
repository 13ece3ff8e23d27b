"""Statements on the audit trail: who changed what, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from skyferry.ram.audit import BEGUN, AuditRecord
from skyferry.store import rows
from skyferry.store.tables import accounts, audit_records, instances


@dataclass(frozen=True, slots=True)
class AuditLine:
    """A record with the names of its account and its instance."""

    at: int
    account: str
    instance: str | None
    caller: str
    access_key_id: str
    source_address: str
    action: str
    parameters: Mapping[str, str]
    request_id: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which records are wanted; what is None does not matter.

    Attributes:
        account_id: of this account.
        caller: of this caller.
        action: of this action.
        since: not before this time, in milliseconds.
        until: before this time, in milliseconds.
    """

    account_id: int | None = None
    caller: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None


def insert_records(tx: Connection, records: Sequence[AuditRecord]) -> None:
    """Adds records."""
    tx.execute(audit_records.insert(), [asdict(record) for record in records])


def end_records(tx: Connection, outcomes: Mapping[str, str]) -> None:
    """Says how calls that had begun ended, by RequestId."""
    statement = (
        update(audit_records)
        .where(audit_records.c.request_id == bindparam("request"), audit_records.c.outcome == BEGUN)
        .values(outcome=bindparam("ended"))
    )
    tx.execute(statement, [{"request": request, "ended": ended} for request, ended in outcomes.items()])


def latest(tx: Connection, wanted: AuditFilter, most: int) -> Sequence[AuditLine]:
    """The latest records, the last one first."""
    table = audit_records.c
    statement = (
        select(
            table.at,
            accounts.c.name,
            instances.c.name,
            table.caller,
            table.access_key_id,
            table.source_address,
            table.action,
            table.parameters,
            table.request_id,
            table.outcome,
        )
        .select_from(audit_records.join(accounts).outerjoin(instances, instances.c.id == table.instance_id))
        .order_by(table.id.desc())
        .limit(most)
    )
    conditions: list[Any] = []
    if wanted.account_id is not None:
        conditions.append(table.account_id == wanted.account_id)
    if wanted.caller is not None:
        conditions.append(table.caller == wanted.caller)
    if wanted.action is not None:
        conditions.append(table.action == wanted.action)
    if wanted.since is not None:
        conditions.append(table.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(table.at < wanted.until)
    return rows.all_of(AuditLine, tx.execute(statement.where(*conditions)))


def delete_before(tx: Connection, time: int, most: int) -> int:
    """Removes up to so many records from before a time, and returns how many."""
    old = (
        select(audit_records.c.id)
        .where(audit_records.c.at < time)
        .order_by(audit_records.c.at, audit_records.c.id)
        .limit(most)
    )
    return tx.execute(delete(audit_records).where(audit_records.c.id.in_(old))).rowcount
