"""What SQLite and PostgreSQL both do and SQLAlchemy spells twice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Connection, Table, and_, func, insert, literal, select, text, true
from sqlalchemy.dialects import postgresql, sqlite

_LAST: Final = chr(0x10FFFF)

P = ParamSpec("P")
T = TypeVar("T")


Upsert = sqlite.Insert | postgresql.Insert
"""An INSERT that can say `on_conflict_do_update`."""


def upserting(tx: Connection, table: Table) -> Upsert:
    """An INSERT that can say `on_conflict_do_update`."""
    return upserting_in(tx.dialect.name, table)


def upserting_in(dialect: str, table: Table) -> Upsert:
    """The same in the dialect of this name, for statements that are put together once."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def insert_many(tx: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds rows that name the same columns, in their order; at least one.

    For PostgreSQL as a single statement: of a list it would carry out one for each row, which for 200 took as long as
    all that a call does besides.
    """
    if tx.dialect.name != "postgresql":
        tx.execute(insert(table), rows)
        return
    names = list(rows[0])
    columns = [func.unnest(literal([row[name] for row in rows], ARRAY(table.c[name].type))) for name in names]
    tx.execute(insert(table).from_select(names, select(*columns)))


def see_commits(tx: Connection) -> None:
    """Lets each statement see what others have committed by then, and wait for rows that they change.

    For rows on which many transactions meet: they take turns there, where PostgreSQL would otherwise end all but one.
    It must be the first thing in a transaction. Writers of SQLite take turns anyway.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))


def flush_later(tx: Connection) -> None:
    """Lets PostgreSQL commit without waiting for its disk.

    For what is told to nobody before something else is committed: a database that fails loses the earlier of two
    commits only with the later one. SQLite waits all the same.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SET LOCAL synchronous_commit = off"))


@contextmanager
def planned_for_many(tx: Connection) -> Iterator[None]:
    """Has statements planned for the values that they are given, and for values that choose thousands of rows.

    PostgreSQL otherwise makes one plan for all values of a statement that runs again and again; and it takes rows that
    are newer than its statistics for one row, and then reads one table anew for each row of another.
    """
    postgresql = tx.dialect.name == "postgresql"
    if postgresql:
        tx.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))
        tx.execute(text("SET LOCAL enable_nestloop = off"))
    yield
    if postgresql:
        tx.execute(text("SET LOCAL enable_nestloop TO DEFAULT"))
        tx.execute(text("SET LOCAL plan_cache_mode TO DEFAULT"))


def serialise(tx: Connection, name: str) -> None:
    """Lets one transaction of this name at a time go on, until its end; it sees all that those before it have done.

    It must be the first thing in a transaction.
    """
    see_commits(tx)
    if tx.dialect.name == "postgresql":
        tx.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def serialised(name: str, work: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Connection, P], T]:
    """The same work for a transaction of its own, of which one at a time goes on: see `serialise`."""

    def run(tx: Connection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        serialise(tx, name)
        return work(tx, *args, **kwargs)

    return run


def begins_with(column: ColumnElement[str], prefix: str) -> ColumnElement[bool]:
    """True where a text begins with the prefix, letter by letter; LIKE takes a and A for the same in SQLite."""
    return func.substr(column, 1, len(prefix)) == prefix


def sorts_with(column: ColumnElement[str], prefix: str, *, first: str = "") -> ColumnElement[bool]:
    """What follows from `begins_with` and leads the database to the texts by an index.

    Args:
        column: the texts.
        prefix: what they begin with.
        first: texts before this one are left out.
    """
    after = _after(prefix)
    return and_(column >= max(prefix, first), true() if after is None else column < after)


def _after(prefix: str) -> str | None:
    """The first text, in the order of code points, that comes after all that begin with the prefix; None if none does.

    Half characters (surrogates) are left out, for they cannot be stored.
    """
    last = prefix[-1:]
    if not last or last == _LAST:
        return None
    return prefix[:-1] + ("\ue000" if last == "\ud7ff" else chr(ord(last) + 1))
