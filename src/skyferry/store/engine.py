"""The database: SQLite (WAL) in one file by default, PostgreSQL when the URL says so.

Statements are plain functions on a connection; `Store.read` and `Store.write` run them in one transaction. SQLite has
one writer at a time: instead of letting writers collide and retry, they queue for the one writing thread, which takes
the write lock at once (`BEGIN IMMEDIATE`); readers never wait. Why threads and not an asynchronous driver for SQLite:
docs/adr/0001-sqlite-in-threads.md.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from skyferry import tracing
from skyferry.store import metrics
from skyferry.store.limits import PostgresqlLimits
from skyferry.store.threads import Threads
from skyferry.tracing import Kind

_BUSY_TIMEOUT_SECONDS: Final = 10
_CACHE_KIB: Final = 8_192
"""Pages that a connection keeps, of which there are a few: the system keeps them all. With eight times as much a job
for 1,000,000 devices took as long, and 66 MB more."""
_CHECKPOINT_PAGES: Final = 8_000
"""The log's size, in pages of 4 KiB, at which it is copied into the database. A change of 200 tasks out of 100,000
writes 600 pages: at the default of 1,000 every other such commit would wait for a copy (measured: a third slower)."""
_READERS: Final = 3

P = ParamSpec("P")
T = TypeVar("T")


_SECONDS: Final = {mode: metrics.TRANSACTIONS.labels(mode) for mode in ("read", "write")}
_ANNOUNCED: Final = "skyferry.announced"


Listener = Callable[[Sequence[Any]], None]
"""Is told what a committed transaction has announced on a subject, in the order in which it was said."""


def announce(tx: Connection, subject: str, *items: object) -> None:
    """Lets those who listen to a subject know once the transaction is committed; nobody, when it is rolled back.

    What is said is a hint, not a message: nothing keeps it. Other processes hear at most that there was something.
    """
    tx.info.setdefault(_ANNOUNCED, {}).setdefault(subject, []).extend(items)


class Store:
    """Runs functions in transactions: the function gets the connection first, then the arguments given here."""

    def __init__(
        self, url: str | URL, limits: PostgresqlLimits | None = None, *, application: str = "skyferry"
    ) -> None:
        """Opens nothing yet: connections are made when they are needed.

        Args:
            url: `sqlite:///path`, `postgresql://…` or a bare path to a SQLite file.
            limits: what may be taken of a PostgreSQL server.
            application: how the connections are called there.

        Raises:
            ValueError: the database is of another kind, or the URL cannot be understood.
        """
        self.url = _parsed(url)
        self._backend: _Backend = (
            _Sqlite(self.url)
            if self.url.get_backend_name() == "sqlite"
            else _postgresql(self.url, limits or PostgresqlLimits(), application)
        )
        self._listeners: dict[str, list[Listener]] = {}
        self._relayed: Collection[str] = ()
        self._relay: Callable[[str], None] | None = None

    def listen(self, subject: str, listener: Listener) -> None:
        """Calls the listener on the event loop after each committed transaction that announced the subject."""
        self._listeners.setdefault(subject, []).append(listener)

    def relay(self, subjects: Collection[str], relay: Callable[[str], None]) -> None:
        """Also tells the relay when one of these subjects was announced here, so that it can tell other processes."""
        self._relayed, self._relay = subjects, relay

    def hear(self, subject: str) -> None:
        """Another process has announced something on a subject; what it was did not come along."""
        for listener in self._listeners.get(subject, ()):
            listener(())

    async def read(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work` in a transaction that only reads: it sees one state of the data throughout."""
        with tracing.span(f"read {_name_of(work)}", Kind.CLIENT, within=True):
            return await self._run(_bound(work, args, kwargs), write=False)

    async def write(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `work` in a transaction that is committed at the end, or rolled back when `work` raises."""
        with tracing.span(f"write {_name_of(work)}", Kind.CLIENT, within=True):
            result, announced = await self._run(_listening(_bound(work, args, kwargs)), write=True)
        for subject, items in announced.items():
            for listener in self._listeners.get(subject, ()):
                listener(items)
            if self._relay is not None and subject in self._relayed:
                self._relay(subject)
        return result

    async def check(self) -> None:
        """Returns when the database answers.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it does not.
        """
        await self.read(_ping)

    async def _run(self, work: Callable[[Connection], T], *, write: bool) -> T:
        mode, began = "write" if write else "read", time.perf_counter()
        try:
            return await self._backend.run(work, write=write)
        except SQLAlchemyError:
            metrics.FAILURES.labels(mode).inc()
            raise
        finally:
            _SECONDS[mode].observe(time.perf_counter() - began)

    async def close(self) -> None:
        """Waits for running transactions and closes all connections."""
        await self._backend.close()


class _Backend(Protocol):
    async def run(self, work: Callable[[Connection], T], *, write: bool) -> T: ...

    async def close(self) -> None: ...


class _Sqlite:
    """One thread that writes, a few that read: a transaction is one hop to a thread, whatever its statements."""

    def __init__(self, url: URL) -> None:
        if not url.database:
            raise ValueError("The database URL names no file.")
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        self._writer = _sqlite_engine(url, pool_size=1, begin="BEGIN IMMEDIATE")
        self._reader = _sqlite_engine(url, pool_size=_READERS, begin="BEGIN")
        self._writing = Threads(1, "store-write", lambda: _Kept(self._writer))
        self._reading = Threads(_READERS, "store-read", lambda: _Kept(self._reader))

    async def run(self, work: Callable[[Connection], T], *, write: bool) -> T:
        return await (self._writing if write else self._reading).run(lambda kept: kept.transact(work))

    async def close(self) -> None:
        await asyncio.to_thread(self._writing.close)
        await asyncio.to_thread(self._reading.close)
        self._writer.dispose()
        self._reader.dispose()


class _Kept:
    """The connection of a thread: to take one from a pool and give it back costs as much as a small transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Runs the work in a transaction; after one that failed the connection is put in order by the pool."""
        connection = self._connection or self._engine.connect()
        self._connection = None
        try:
            with connection.begin():
                result = work(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return result

    def close(self) -> None:
        """Gives the connection back."""
        if self._connection is not None:
            self._connection.close()


def _postgresql(url: URL, limits: PostgresqlLimits, application: str) -> _Backend:
    # With its driver a tenth of all modules of a server, which one with SQLite can start without.
    from skyferry.store.postgresql import Postgresql  # noqa: PLC0415

    return Postgresql(url, limits, application)


def _bound(
    work: Callable[Concatenate[Connection, P], T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Callable[[Connection], T]:
    def run(connection: Connection) -> T:
        return work(connection, *args, **kwargs)

    return run


def _listening(work: Callable[[Connection], T]) -> Callable[[Connection], tuple[T, Mapping[str, Sequence[Any]]]]:
    """The work, with what it announced; what an earlier transaction on the connection left behind is forgotten."""

    def run(connection: Connection) -> tuple[T, Mapping[str, Sequence[Any]]]:
        connection.info.pop(_ANNOUNCED, None)
        result = work(connection)
        return result, connection.info.pop(_ANNOUNCED, {})

    return run


def _name_of(work: Callable[..., object]) -> str:
    return getattr(work, "__name__", "work")


def _ping(tx: Connection) -> None:
    tx.execute(text("SELECT 1"))


def _parsed(url: str | URL) -> URL:
    if isinstance(url, str) and "://" not in url:
        url = URL.create("sqlite", database=url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(
            "The database URL cannot be read: write sqlite:///PATH or postgresql://USER@HOST/NAME."
        ) from None
    drivers = {"sqlite": "sqlite", "postgresql": "postgresql+asyncpg"}
    try:
        return parsed.set(drivername=drivers[parsed.get_backend_name()])
    except KeyError:
        raise ValueError(f"The database {parsed.drivername} is not supported: use sqlite or postgresql.") from None


def _sqlite_engine(url: URL, *, pool_size: int, begin: str) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"isolation_level": None, "timeout": _BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
    )

    def configure(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
        cursor: Any = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        cursor.close()

    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", start)
    return engine
