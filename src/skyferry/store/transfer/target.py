"""The PostgreSQL database that takes the data: all in one transaction, of which nobody sees anything before its end."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import BigInteger, Connection, Table, bindparam, inspect, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from skyferry.store import migrate
from skyferry.store.limits import PostgresqlLimits
from skyferry.store.postgresql import connection_arguments
from skyferry.store.tables import COUNTERS, metadata
from skyferry.store.transfer.errors import MoveError
from skyferry.store.transfer.values import Digest

_LIMITS: Final = PostgresqlLimits(statement_seconds=0, idle_seconds=0, prepared=False)
"""A portion takes the time it takes, and poolers that forget statements are no obstacle."""
_PREFETCHED: Final = 2_000
"""Rows that are read at once for the comparison."""


@asynccontextmanager
async def opened(url: str) -> AsyncIterator["Target"]:
    """A transaction on the database, which is committed at the end, or leaves nothing when something is raised.

    Raises:
        MoveError: the URL is not one of PostgreSQL.
        ValueError: an option of the URL is unknown.
        OSError, asyncpg.PostgresError, sqlalchemy.exc.DBAPIError: the database cannot be used.
    """
    engine = create_async_engine(
        URL.create("postgresql+asyncpg"),
        isolation_level="READ COMMITTED",
        poolclass=NullPool,
        json_deserializer=str,  # documents are compared as they are written
        connect_args=connection_arguments(_parsed(url), _LIMITS, "skyferry-command"),
    )
    async with engine.begin() as connection:
        yield Target(connection)


class Target:
    """The database, within the transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def refuse_data(self) -> None:
        """Returns when no table has a row.

        Raises:
            MoveError: the database is in use already.
        """
        await self._connection.run_sync(_refuse_rows)

    async def prepare(self) -> None:
        """Makes the tables; servers that start on the database wait from here on until the transaction has ended.

        Raises:
            MoveError: the database is in use already.
        """
        await self.refuse_data()
        await self._connection.run_sync(migrate.upgrade_within)
        await self.refuse_data()
        for counter in COUNTERS:
            # The counters come with the data: rows that are copied must not be counted once more.
            await self._connection.execute(text(f"ALTER TABLE {counter['rows']} DISABLE TRIGGER USER"))

    async def write(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Appends rows; columns that the database computes are left to it."""
        given = [index for index, column in enumerate(table.columns) if column.computed is None]
        names = [column.name for column in table.columns if column.computed is None]
        records = rows if len(given) == len(table.columns) else [tuple(row[index] for index in given) for row in rows]
        driver = await self._driver()
        await driver.copy_records_to_table(table.name, records=records, columns=names)

    async def finish(self, last_keys: Mapping[str, int]) -> None:
        """Lets the triggers count again, and keys and plans begin with what is there.

        Args:
            last_keys: by table, the last key that was given, where the row may be gone and its key is not given again.
        """
        for counter in COUNTERS:
            await self._connection.execute(text(f"ALTER TABLE {counter['rows']} ENABLE TRIGGER USER"))
        for table in metadata.sorted_tables:
            column = table.autoincrement_column
            if column is not None:
                await self._connection.execute(_continued(table.name, column.name, last_keys.get(table.name, 0)))
            await self._connection.execute(text(f"ANALYZE {table.name}"))

    async def portions(self, table: Table) -> AsyncIterator[Digest]:
        """The digest of a table's rows, again and again while they are read; the last one is that of all."""
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        driver, digest = await self._driver(), Digest()
        statement = f'SELECT {names} FROM "{table.name}"'  # noqa: S608 - names of our own tables
        async for record in driver.cursor(statement, prefetch=_PREFETCHED):
            digest.add(tuple(record))
            if digest.rows % _PREFETCHED == 0:
                yield digest
        yield digest

    async def _driver(self) -> "asyncpg.Connection[asyncpg.Record]":
        raw = await self._connection.get_raw_connection()
        driver = raw.driver_connection
        assert isinstance(driver, asyncpg.Connection)
        return driver


def _parsed(text: str) -> URL:
    try:
        url = make_url(text or "sqlite://")
        is_right = url.get_backend_name() == "postgresql"
    except (ArgumentError, ValueError):
        is_right = False
    if not is_right:
        raise MoveError("Say by --database where the data goes: postgresql://USER@HOST/NAME.")
    return url


def _refuse_rows(tx: Connection) -> None:
    there = set(inspect(tx).get_table_names())
    for table in metadata.sorted_tables:
        if table.name in there and tx.execute(select(select(table).exists())).scalar():
            raise MoveError(f"The database has data already (in {table.name}): name an empty one.")


def _continued(table: str, column: str, last: int) -> Any:
    """The next key of a table comes after all that were given."""
    return text(
        f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'),"  # noqa: S608 - names of our own tables
        f" greatest(max({column}), :last) + 1, false) FROM {table}"
    ).bindparams(bindparam("last", last, BigInteger))
