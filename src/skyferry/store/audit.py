"""Statements on the audit trail: who changed what, and how it ended."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, update

from skyferry.ram.audit import BEGUN, OK, AuditRecord
from skyferry.store.tables import accounts, audit_records, instances

_SLACK_MS: Final = 60_000
"""Calls that began later than others by less may have been written down before them."""


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
        outcome: that ended so.
        failed: that did not end well.
    """

    account_id: int | None = None
    caller: str | None = None
    action: str | None = None
    since: int | None = None
    until: int | None = None
    outcome: str | None = None
    failed: bool = False


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
    return [line for _key, line in _lines(tx, _conditions(wanted), most)]


def page(
    tx: Connection, wanted: AuditFilter, *, before: int | None, limit: int, looked_at: int
) -> tuple[Sequence[AuditLine], int | None]:
    """Records of an account, the last one first, among a bounded number that is looked at.

    Args:
        tx: the transaction.
        wanted: which records; the account must be among it.
        before: only records with a smaller key, unless None.
        limit: how many at most.
        looked_at: among how many records of the account at most.

    Returns:
        The records, and the key before which the list goes on; None at its end.
    """
    own = select(audit_records.c.id).where(audit_records.c.account_id == wanted.account_id)
    for bound in (before, _key_near(tx, wanted.until)):
        if bound is not None:
            own = own.where(audit_records.c.id < bound)
    first = _key_near(tx, None if wanted.since is None else wanted.since - 2 * _SLACK_MS)
    if first is not None:
        own = own.where(audit_records.c.id >= first)
    lowest = tx.execute(own.order_by(audit_records.c.id.desc()).offset(looked_at - 1).limit(1)).scalar()
    span = own if lowest is None else own.where(audit_records.c.id >= lowest)
    found = _lines(tx, [*_conditions(wanted), audit_records.c.id.in_(span.subquery().select())], limit + 1)
    if len(found) > limit:
        return [line for _key, line in found[:limit]], found[limit - 1][0]
    return [line for _key, line in found], lowest


def _key_near(tx: Connection, time: int | None) -> int | None:
    """A key that records from after a time have at least; None when there is none from after it.

    Keys and times grow together, but for calls that began at the same moment.
    """
    if time is None:
        return None
    statement = select(audit_records.c.id).where(audit_records.c.at >= time + _SLACK_MS)
    return tx.execute(statement.order_by(audit_records.c.at).limit(1)).scalar()


def _conditions(wanted: AuditFilter) -> list[Any]:
    table = audit_records.c
    conditions: list[Any] = []
    if wanted.account_id is not None:
        conditions.append(table.account_id == wanted.account_id)
    if wanted.caller is not None:
        conditions.append(table.caller == wanted.caller)
    if wanted.action is not None:
        conditions.append(table.action == wanted.action)
    if wanted.outcome is not None:
        conditions.append(table.outcome == wanted.outcome)
    if wanted.failed:
        conditions.append(table.outcome != OK)
    if wanted.since is not None:
        conditions.append(table.at >= wanted.since)
    if wanted.until is not None:
        conditions.append(table.at < wanted.until)
    return conditions


def _lines(tx: Connection, conditions: Sequence[Any], most: int) -> list[tuple[int, AuditLine]]:
    table = audit_records.c
    statement = (
        select(
            table.id,
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
        .where(*conditions)
        .order_by(table.id.desc())
        .limit(most)
    )
    return [(key, AuditLine(*values)) for key, *values in tx.execute(statement)]


def delete_before(tx: Connection, time: int, most: int) -> int:
    """Removes up to so many records from before a time, and returns how many."""
    old = (
        select(audit_records.c.id)
        .where(audit_records.c.at < time)
        .order_by(audit_records.c.at, audit_records.c.id)
        .limit(most)
    )
    return tx.execute(delete(audit_records).where(audit_records.c.id.in_(old))).rowcount
