"""The audit trail on a real database."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection, Engine, event, select

from skyferry.fleet import accounts
from skyferry.keys import SecretBox
from skyferry.operations.audit import StoredAuditTrail
from skyferry.ram.audit import AuditRecord
from skyferry.store import audit
from skyferry.store.accounts import AccountRecord
from skyferry.store.audit import AuditFilter
from skyferry.store.engine import Store
from skyferry.store.tables import audit_records, instances
from tests.support import databases

NOW = 1_795_425_360_000


@pytest_asyncio.fixture
async def account(store: Store) -> AccountRecord:
    return await store.write(accounts.create_account, SecretBox(bytes(32)), "acme", now_ms=NOW)


def record(account: AccountRecord, number: int, **changes: Any) -> AuditRecord:
    made = AuditRecord(
        account_id=account.id,
        instance_id=None,
        at=NOW + number,
        caller="root",
        access_key_id="key",
        source_address="::1",
        action="CreateProduct",
        parameters={"ProductName": f"p{number} ü"},
        request_id=f"R{number}",
        outcome="BEGUN",
    )
    return replace(made, **changes)


def outcomes(tx: Connection) -> dict[str, str]:
    rows = tx.execute(select(audit_records.c.request_id, audit_records.c.outcome))
    return {row.request_id: row.outcome for row in rows}


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """What is sent to the database; a transaction begins with BEGIN."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("BEGIN", "SET LOCAL")):
            seen.append(statement.partition(" ")[0])

    def begin(_connection: Any) -> None:
        seen.append("BEGIN")

    event.listen(Engine, "before_cursor_execute", note)
    event.listen(Engine, "begin", begin)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)
    event.remove(Engine, "begin", begin)


class TestTrail:
    async def test_a_record_is_stored_when_the_call_may_begin(
        self, store: Store, account: AccountRecord, tmp_path: Path
    ) -> None:
        await StoredAuditTrail(store).record(record(account, 1))
        other = Store(databases.url(tmp_path / "skyferry.db"))
        assert await other.read(outcomes) == {"R1": "BEGUN"}
        await other.close()

    async def test_a_call_ends_once(self, store: Store, account: AccountRecord) -> None:
        trail = StoredAuditTrail(store)
        await trail.record(record(account, 1))
        await trail.record(record(account, 2))
        await trail.record(record(account, 3, outcome="NoPermission"))
        await trail.end("R1", "OK")
        await trail.end("R1", "InternalError")
        await trail.end("R3", "OK")
        assert await store.read(outcomes) == {"R1": "OK", "R2": "BEGUN", "R3": "NoPermission"}

    async def test_a_change_costs_two_statements_in_two_transactions(
        self, store: Store, account: AccountRecord
    ) -> None:
        """What docs/adr/0002 says: a refused call costs one."""
        trail = StoredAuditTrail(store)
        with statements(store) as seen:
            await trail.record(record(account, 1))
            await trail.end("R1", "OK")
            assert seen == ["BEGIN", "INSERT", "BEGIN", "UPDATE"]

    async def test_calls_at_the_same_time_share_transactions(self, store: Store, account: AccountRecord) -> None:
        trail = StoredAuditTrail(store)
        with statements(store) as seen:
            await asyncio.gather(*(trail.record(record(account, number)) for number in range(200)))
            await asyncio.gather(*(trail.end(f"R{number}", "OK") for number in range(200)))
        assert seen.count("BEGIN") <= 4
        assert seen.count("INSERT") <= 2
        assert set((await store.read(outcomes)).values()) == {"OK"}

    async def test_what_begins_and_what_ends_may_share_one(self, store: Store, account: AccountRecord) -> None:
        trail = StoredAuditTrail(store)
        await trail.record(record(account, 1))
        await asyncio.gather(trail.end("R1", "OK"), trail.record(record(account, 2)), trail.end("R9", "OK"))
        assert await store.read(outcomes) == {"R1": "OK", "R2": "BEGUN"}

    async def test_a_failure_is_the_callers(self, store: Store, account: AccountRecord) -> None:
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            await StoredAuditTrail(store).record(record(account, 1, account_id=99))


class TestStatements:
    async def test_the_latest_come_first(self, store: Store, account: AccountRecord) -> None:
        def work(tx: Connection) -> None:
            other = accounts.create_account(tx, SecretBox(bytes(32)), "other", now_ms=NOW)
            key, name = tx.execute(
                select(instances.c.id, instances.c.name).where(instances.c.account_id == account.id)
            ).one()
            audit.insert_records(
                tx,
                [
                    record(account, 1, instance_id=key),
                    record(account, 2, caller="alice"),
                    record(account, 3, action="DeleteDevice", outcome="OK"),
                    record(other, 4, caller="alice"),
                ],
            )

            def found(most: int = 10, **wanted: Any) -> list[str]:
                return [line.request_id for line in audit.latest(tx, AuditFilter(**wanted), most)]

            assert found() == ["R4", "R3", "R2", "R1"]
            assert found(most=2) == ["R4", "R3"]
            assert found(account_id=account.id) == ["R3", "R2", "R1"]
            assert found(caller="alice") == ["R4", "R2"]
            assert found(caller="alice", account_id=other.id) == ["R4"]
            assert found(action="DeleteDevice") == ["R3"]
            assert found(since=NOW + 2, until=NOW + 4) == ["R3", "R2"]
            first = audit.latest(tx, AuditFilter(), 10)[-1]
            assert (first.account, first.instance, first.outcome) == ("acme", name, "BEGUN")
            assert first.parameters == {"ProductName": "p1 ü"}

        await store.write(work)

    async def test_the_oldest_go_first_and_in_portions(self, store: Store, account: AccountRecord) -> None:
        def work(tx: Connection) -> None:
            audit.insert_records(tx, [record(account, number) for number in (5, 3, 1, 2, 4)])
            assert audit.delete_before(tx, NOW + 4, 2) == 2
            assert set(outcomes(tx)) == {"R3", "R4", "R5"}
            assert audit.delete_before(tx, NOW + 4, 2) == 1
            assert audit.delete_before(tx, NOW + 4, 2) == 0
            assert set(outcomes(tx)) == {"R4", "R5"}

        await store.write(work)
