"""Migrations on PostgreSQL, whatever the other tests run on: with data, at once, up and down."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Final

import pytest
from alembic import command
from sqlalchemy import Connection, insert, select, text

from skyferry.store import migrate
from skyferry.store.engine import Store
from skyferry.store.limits import PostgresqlLimits
from skyferry.store.tables import accounts, metadata
from tests.support.postgresql import PostgresqlServer

AWKWARD: Final = ["b", "a", "B", "ä", "A-1", "A1"]
FEW: Final = PostgresqlLimits(connections=2, lock_seconds=0.2, statement_seconds=20)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with PostgresqlServer() as started:
        yield started


@pytest.fixture
async def url(server: PostgresqlServer, request: pytest.FixtureRequest) -> str:
    """A database without tables."""
    name = f"d{abs(hash(request.node.name))}"
    server.run(f"CREATE DATABASE {name}")
    return server.url(name)


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = Store(url, FEW)
    await migrate.upgrade(opened)
    yield opened
    await opened.close()


def go_to(tx: Connection, revision: str) -> None:
    config = migrate._config(tx)
    (command.upgrade if revision > "0010" else command.downgrade)(config, revision)


def sorted_names(tx: Connection) -> list[str]:
    return list(tx.execute(select(accounts.c.name).order_by(accounts.c.name)).scalars())


async def test_processes_that_start_at_once_migrate_once(url: str) -> None:
    """Each waits for its turn for longer than it waits for other locks."""
    stores = [Store(url, FEW) for _ in range(6)]
    await asyncio.gather(*(migrate.upgrade(store) for store in stores))
    tables = set(await stores[0].read(lambda tx: tx.execute(text("SELECT tablename FROM pg_tables")).scalars().all()))
    assert set(metadata.tables) <= tables
    await asyncio.gather(*(store.close() for store in stores))


async def test_texts_are_sorted_by_code_point_in_a_database_that_sorts_by_a_language(store: Store) -> None:
    rows = [{"uid": name, "name": name, "created_at": 0} for name in AWKWARD]
    await store.write(lambda tx: tx.execute(insert(accounts), rows).close())
    assert await store.read(sorted_names) == sorted(AWKWARD)

    await store.write(go_to, "0010")
    assert await store.read(sorted_names) != sorted(AWKWARD), "the database does not sort by a language"
    await store.write(go_to, "0011")
    assert await store.read(sorted_names) == sorted(AWKWARD)


async def test_every_text_is_sorted_so(store: Store) -> None:
    """A migration that adds a column of texts has to say so: `sa.Text(collation="C")`."""
    question = text(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' AND column_name <> 'connection_id'"
    )
    assert await store.read(lambda tx: tx.execute(question).all()) == []


async def test_down_to_nothing_and_up_again(store: Store) -> None:
    await store.write(lambda tx: command.downgrade(migrate._config(tx), "base"))
    await migrate.upgrade(store)
    assert await store.read(sorted_names) == []
