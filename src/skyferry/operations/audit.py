"""The audit trail in the database."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from skyferry.batching import Batcher
from skyferry.ram.audit import BEGUN, AuditRecord
from skyferry.store import audit
from skyferry.store.dialect import flush_later
from skyferry.store.engine import Store

Outcome = tuple[str, str]
"""A RequestId, and how that call ended."""


class StoredAuditTrail:
    """Writes records by group commit: calls that begin or end at the same time share a transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._batcher: Batcher[AuditRecord | Outcome, None] = Batcher(self._write)

    async def record(self, record: AuditRecord) -> None:
        """Returns when the record is stored."""
        await self._batcher.submit(record)

    async def end(self, request_id: str, outcome: str) -> None:
        """Returns when the outcome of a call that had begun is stored."""
        await self._batcher.submit((request_id, outcome))

    async def _write(self, items: Sequence[AuditRecord | Outcome]) -> Sequence[None]:
        records = [item for item in items if isinstance(item, AuditRecord)]
        outcomes = dict(item for item in items if not isinstance(item, AuditRecord))
        await self._store.write(_write, records, outcomes)
        return [None] * len(items)


def _write(tx: Connection, records: Sequence[AuditRecord], outcomes: Mapping[str, str]) -> None:
    if not outcomes and all(record.outcome == BEGUN for record in records):
        flush_later(tx)  # the change itself does, and the outcome, before anybody hears of them
    if records:
        audit.insert_records(tx, records)
    if outcomes:
        audit.end_records(tx, outcomes)
