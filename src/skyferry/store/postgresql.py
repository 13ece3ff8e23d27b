"""Transactions on PostgreSQL: a pool of asyncpg connections; a function runs as a greenlet on the event loop.

A transaction behaves as it does on SQLite, where writers take turns: writing ones are serializable, and PostgreSQL ends
one of two that could not have run one after the other, which is then repeated (docs/adr/0006-serializable-writes.md).
Reading ones see one state of the data throughout.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, TypeVar
from uuid import uuid4

import asyncpg
import structlog
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from skyferry.store import metrics
from skyferry.store.errors import StoreUnavailableError
from skyferry.store.limits import PostgresqlLimits

_log = structlog.get_logger()

_PAUSES: Final = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5)
"""Seconds after each try of a transaction that met another, before they are spread. They are many and short, for a row
that others change all the time, such as a job's while its notices go out, is met by chance."""

_BESIDE_OTHERS: Final = 2
"""How often a transaction is tried beside others of this process before it runs alone."""

_COLLISIONS: Final = frozenset({"40001", "40P01"})
"""serialization_failure and deadlock_detected: the transaction was rolled back, and may succeed right after."""

_OUTDATED: Final = (asyncpg.InvalidCachedStatementError, asyncpg.OutdatedSchemaCacheError)
"""Another process has migrated the database: what a connection remembers of the tables is no longer true."""

_UNAVAILABLE: Final[Mapping[str, str]] = {
    "57014": "A statement took longer than database_statement_seconds.",
    "55P03": "A lock was not free within database_lock_seconds.",
    "25P03": "A transaction stood still for longer than database_idle_seconds.",
    "25006": "The database takes no changes: it is a standby.",
    "57P01": "The database is being shut down.",
    "57P02": "The database has crashed and restarts.",
    "57P03": "The database is starting.",
    "53300": "The database has no connection left: lower database_connections or raise max_connections.",
    "53100": "The database's disk is full.",
    "53200": "The database is out of memory.",
}
_AWAY: Final = "The database does not answer."
_LOST: Final = "The connection to the database was lost."

_OPTIONS: Final = frozenset(
    {
        *("host", "port", "user", "password", "dbname", "passfile", "service", "target_session_attrs", "krbsrvname"),
        *("sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "connect_timeout", "application_name", "search_path"),
    }
)
"""What may stand behind the `?` of the URL, spelt as libpq spells it."""

T = TypeVar("T")


class Postgresql:
    """The backend of `skyferry.store.engine.Store` for PostgreSQL."""

    def __init__(self, url: URL, limits: PostgresqlLimits, application: str) -> None:
        """Opens nothing yet.

        Args:
            url: as libpq takes it, with `sslmode` and the like.
            limits: what one process may take.
            application: how the connections are called in `pg_stat_activity`.

        Raises:
            ValueError: an option of the URL is unknown.
        """
        engine = create_async_engine(
            URL.create("postgresql+asyncpg"),
            pool_size=limits.connections,
            max_overflow=0,
            pool_timeout=limits.wait_seconds,
            connect_args=connection_arguments(url, limits, application),
        )
        self._engine = engine
        self._limits = limits
        self._turns = _Turns()
        self._writing = engine.execution_options(isolation_level="SERIALIZABLE")
        self._reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    async def run(self, work: Callable[[Connection], T], *, write: bool) -> T:
        """Runs the work in a transaction, again where PostgreSQL ended it for the sake of another.

        Raises:
            StoreUnavailableError: the database is away or too slow, or others were in the way each time.
        """
        for attempt, pause in enumerate(_PAUSES):
            try:
                if not write:
                    return await self._attempt(self._reading, work)
                async with self._turn(attempt):
                    return await self._attempt(self._writing, work)
            except _AgainError as again:
                metrics.REPEATED.labels(again.reason).inc()
                cause = again
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - it hides nothing
        _log.warning("store.gave_up", reason=cause.reason, attempts=len(_PAUSES))
        raise StoreUnavailableError(cause.sentence, cause.error) from cause.error

    async def close(self) -> None:
        """Closes all connections."""
        await self._engine.dispose()

    def _turn(self, attempt: int) -> AbstractAsyncContextManager[None]:
        return self._turns.beside_others() if attempt < _BESIDE_OTHERS else self._turns.alone()

    async def _attempt(self, engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
        connection = await self._connect(engine)
        committing = False
        try:
            await connection.begin()
            result = await connection.run_sync(work)
            committing = True
            await connection.commit()
        except DBAPIError as error:
            meaning = _meaning(error, committing=committing)
            if meaning is error:
                raise
            raise meaning from error
        else:
            return result
        finally:
            await connection.close()

    async def _connect(self, engine: AsyncEngine) -> AsyncConnection:
        try:
            return await engine.connect()
        except PoolTimeoutError as error:
            reason = f"All {self._limits.connections} connections to the database were in use (database_connections)."
            raise StoreUnavailableError(reason, error) from error
        except (OSError, TimeoutError, DBAPIError, asyncpg.PostgresError) as error:
            raise _unreachable(error) from error


class _Turns:
    """Lets writers run beside each other until one has met others too often: then it runs alone in this process.

    In small tables PostgreSQL takes whole pages for what a transaction has read, so that a few busy writers may end
    each other again and again.
    """

    def __init__(self) -> None:
        self._gate = asyncio.Lock()
        self._running = 0
        self._nobody = asyncio.Event()
        self._nobody.set()

    @asynccontextmanager
    async def beside_others(self) -> AsyncIterator[None]:
        """Waits only for a writer that runs, or is about to run, alone."""
        async with self._gate:
            self._running += 1
            self._nobody.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._nobody.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Lets nobody begin, and waits for those that have begun."""
        async with self._gate:
            await self._nobody.wait()
            yield


class _AgainError(Exception):
    """The transaction was rolled back through no fault of its own."""

    def __init__(self, reason: str, sentence: str, error: Exception) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sentence = sentence
        self.error = error


def connection_arguments(url: URL, limits: PostgresqlLimits, application: str) -> Mapping[str, Any]:
    """What asyncpg is given to connect.

    Raises:
        ValueError: an option of the URL is unknown.
    """
    unknown = sorted(set(url.query) - _OPTIONS)
    if unknown:
        raise ValueError(
            f"The database URL has the unknown option {unknown[0]}; known are {', '.join(sorted(_OPTIONS))}."
        )
    named = str(url.query.get("application_name", application))
    timeout = float(str(url.query.get("connect_timeout", limits.connect_seconds)))
    dsn = url.set(drivername="postgresql").difference_update_query(["connect_timeout", "application_name"])
    arguments = {
        "dsn": dsn.render_as_string(hide_password=False),
        "timeout": timeout,
        "server_settings": {
            "application_name": named,
            "jit": "off",  # compiling takes longer than any statement here
            "statement_timeout": _milliseconds(limits.statement_seconds),
            "lock_timeout": _milliseconds(limits.lock_seconds),
            "idle_in_transaction_session_timeout": _milliseconds(limits.idle_seconds),
        },
    }
    if not limits.prepared:
        arguments |= {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": lambda: f"skyferry_{uuid4().hex}",
        }
    return arguments


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1_000))


def _meaning(error: DBAPIError, *, committing: bool) -> Exception:
    """What is raised instead of the driver's error; the error itself where a statement was at fault."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if state in _COLLISIONS:
        return _AgainError("collision", "Too many changed the same at once.", error)
    if isinstance(error.orig and error.orig.__cause__, _OUTDATED):
        return _AgainError("migration", "The tables were changed again and again.", error)
    if error.connection_invalidated and not committing:
        return _AgainError("connection", _LOST, error)
    if state in _UNAVAILABLE:
        return StoreUnavailableError(_UNAVAILABLE[state], error.orig or error)
    if error.connection_invalidated:
        return StoreUnavailableError(_LOST, error.orig or error)
    return error


def _unreachable(error: Exception) -> Exception:
    cause = (error.orig if isinstance(error, DBAPIError) else None) or error
    state = str(getattr(cause, "sqlstate", None) or "")
    reason = _UNAVAILABLE.get(state, _AWAY)
    is_refusal = state.startswith(("28", "3D", "42"))
    return error if is_refusal else StoreUnavailableError(reason, cause)
