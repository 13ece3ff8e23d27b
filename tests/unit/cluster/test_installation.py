"""The first start, when several processes begin at once, and the key that all of them need."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete

from skyferry.cluster.installation import check_key
from skyferry.fleet import accounts, people
from skyferry.keys import KeyFileError, KeyRing, SecretBox
from skyferry.store import migrate
from skyferry.store.dialect import serialised
from skyferry.store.engine import Store
from skyferry.store.tables import installation
from tests.support.postgresql import PostgresqlServer
from tests.support.rows import START

OURS, OTHER = KeyRing(bytes(32)), KeyRing(b"1" * 32)
PATH = Path("/somewhere/master.key")
AT_ONCE = 4


def make_root(tx: Connection, ring: KeyRing) -> bool:
    box = SecretBox(ring.derive("secrets"))
    return accounts.ensure_root(tx, box, key_id=None, secret=None, now_ms=START) is not None


class TestKey:
    async def test_the_key_of_the_first_start_is_that_of_all_others(self, store: Store) -> None:
        for _ in range(2):
            await store.write(check_key, OURS, PATH)
        with pytest.raises(KeyFileError, match=r"another key than /somewhere/master\.key holds\. Copy the key file"):
            await store.write(check_key, OTHER, PATH)
        await store.write(check_key, OURS, PATH)

    async def test_a_database_from_before_the_check_is_not_taken_over_by_another_key(self, store: Store) -> None:
        await store.write(make_root, OURS)
        with pytest.raises(KeyFileError):
            await store.write(check_key, OTHER, PATH)
        await store.write(check_key, OURS, PATH)

    async def test_the_check_tells_nothing_of_the_key(self, store: Store) -> None:
        await store.write(check_key, OURS, PATH)
        noted = await store.read(lambda tx: tx.execute(installation.select()).one().key_check)
        assert bytes.fromhex(noted) == OURS.derive("key-check") != OURS.derive("secrets")


class TestFirstStart:
    @pytest.fixture
    def postgresql(self) -> Iterator[PostgresqlServer]:
        with PostgresqlServer() as server:
            yield server

    async def start(self, url: str) -> tuple[bool, bool]:
        store = Store(url)
        await migrate.upgrade(store)
        await store.write(check_key, OURS, PATH)
        made = await store.write(serialised("root", make_root), OURS)
        password = await store.write(serialised("root", people.ensure_root_password), None, now=START)
        await store.close()
        return made, password is not None

    async def test_processes_that_begin_at_once_make_one_root_account(self, postgresql: PostgresqlServer) -> None:
        made = await asyncio.gather(*(self.start(postgresql.url()) for _ in range(AT_ONCE)))
        assert [sum(column) for column in zip(*made, strict=True)] == [1, 1]
        other = Store(postgresql.url())
        with pytest.raises(KeyFileError):
            await other.write(check_key, OTHER, PATH)
        await other.write(lambda tx: tx.execute(delete(installation)))
        with pytest.raises(KeyFileError):
            await other.write(check_key, OTHER, PATH)
        await other.close()
