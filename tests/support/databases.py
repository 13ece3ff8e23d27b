"""The databases of tests: SQLite, or PostgreSQL when the run says `--database=postgresql`.

A path names a database on both: on SQLite it is its file. When a path is named first, a copy of a migrated database
is made for it.
"""

import asyncio
import atexit
import threading
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import asyncpg
import pytest
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, select, text
from sqlalchemy.connectors import asyncio as connectors
from sqlalchemy.dialects.postgresql import asyncpg as dialect
from sqlalchemy.util import concurrency

from skyferry.store import migrate
from skyferry.store.engine import Store
from skyferry.store.tables import metadata
from tests.support.postgresql import PostgresqlServer

Kind = Literal["sqlite", "postgresql"]
KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")
_TEMPLATE: Final = "migrated"
_EMPTY: Final = "template1"
T = TypeVar("T")

_chosen: Kind = "sqlite"
_names: Final[dict[Path, str]] = {}
_free: Final[list[Engine]] = []
_numbers: Final = count()
_FIRST_KEYS: Final = text(
    "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) FROM pg_sequences"
)


def choose(kind: Kind) -> None:
    """Says which database the tests of this run use."""
    global _chosen  # noqa: PLW0603 - the one switch of a run
    _chosen = kind


def chosen() -> Kind:
    """Which database the tests of this run use."""
    return _chosen


def skip_on_postgresql(reason: str) -> None:
    """Skips the test that calls it where the run uses PostgreSQL."""
    if _chosen == "postgresql":
        pytest.skip(reason)


def url(path: Path, *, empty: bool = False) -> str:
    """The URL of the database of this path.

    Args:
        path: names it.
        empty: it has no tables when it is new.
    """
    if _chosen == "sqlite":
        if not empty and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_migrated_file())
        return f"sqlite:///{path}"
    if path not in _names:
        _names[path] = f"test_{next(_numbers)}"
        _administrate(f"CREATE DATABASE {_names[path]} TEMPLATE {_EMPTY if empty else _TEMPLATE}")
    return _cluster().url(_names[path])


def engine(path: Path) -> Engine:
    """The database of this path, for functions on a connection."""
    if _chosen == "sqlite":
        return _sqlite(url(path))
    return _blocking(url(path))


@contextmanager
def connection(path: Path) -> Iterator[Connection]:
    """Looks into a database that others use, and changes it, in one transaction."""
    opened = engine(path)
    with opened.begin() as tx:
        yield tx
    opened.dispose()


@contextmanager
def scratch() -> Iterator[Connection]:
    """A transaction on a database with tables and without rows, of which nothing remains; keys begin with 1."""
    opened = _free.pop() if _free else _new_scratch()
    try:
        with opened.connect() as tx, tx.begin() as transaction:
            if _chosen == "postgresql":
                tx.execute(_FIRST_KEYS)
            yield tx
            transaction.rollback()
    finally:
        _free.append(opened)


def drop_below(directory: Path) -> None:
    """Removes the databases of paths in a directory: no test uses them any more."""
    for path in [path for path in _names if path.is_relative_to(directory)]:
        _administrate(f"DROP DATABASE {_names.pop(path)} WITH (FORCE)")


def dump(path: Path) -> str:
    """All rows of a database as text, for tests that look for what must not be stored."""
    with connection(path) as tx:
        return "\n".join(repr(tuple(row)) for table in metadata.sorted_tables for row in tx.execute(select(table)))


@cache
def _cluster() -> PostgresqlServer:
    server = PostgresqlServer()
    atexit.register(server.end)
    server.start()
    server.run(f"CREATE DATABASE {_TEMPLATE}")
    _wait(_migrate(server.url(_TEMPLATE)))
    return server


async def _migrate(url: str) -> None:
    store = Store(url)
    await migrate.upgrade(store)
    await store.close()


def _new_scratch() -> Engine:
    if _chosen == "postgresql":
        return _blocking(url(Path(f"scratch-{next(_numbers)}")))
    # Each connection is a database of its own; the engine stays, and with it the statements that it has compiled.
    made = _sqlite("sqlite://")
    event.listen(made, "connect", lambda connection, _record: connection.deserialize(_migrated_file()))
    return made


@cache
def _migrated_file() -> bytes:
    """A SQLite database with tables and without rows, as the bytes of its file."""
    with _sqlite("sqlite://").connect() as tx:
        with tx.begin():
            migrate.upgrade_within(tx)
        made: bytes = tx.connection.driver_connection.serialize()  # type: ignore[union-attr]
        return made


def _administrate(statement: str) -> None:
    address = _cluster().url()

    async def execute() -> None:
        made = await asyncpg.connect(address)
        await made.execute(statement)
        await made.close()

    _wait(execute())


def _sqlite(url: str) -> Engine:
    made = create_engine(url, poolclass=NullPool, connect_args={"isolation_level": None, "timeout": 30})

    @event.listens_for(made, "connect")
    def enforce(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(made, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return made


def _blocking(url: str) -> Engine:
    """An engine on the driver of the server, asyncpg, for code that has no event loop."""
    _let_wait_without_loop()
    return create_engine(url.replace("postgresql:", "postgresql+asyncpg:"), pool_size=1)


@cache
def _let_wait_without_loop() -> None:
    """Where SQLAlchemy finds no greenlet to wait in, it waits for an event loop in another thread."""
    in_greenlet = concurrency.await_

    def wait(awaitable: Awaitable[T]) -> T:
        return in_greenlet(awaitable) if concurrency.in_greenlet() else _wait(awaitable)

    for module in (concurrency, connectors, dialect):
        module.await_ = wait  # type: ignore[attr-defined]


def _wait(awaitable: Awaitable[T]) -> T:
    async def run() -> T:
        return await awaitable

    return asyncio.run_coroutine_threadsafe(run(), _loop()).result()


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="databases", daemon=True).start()
    return loop
