"""Brings the schema up to date by Alembic, at every start and by `skyferry db move`.

Alembic is imported where there is something to migrate: it takes a tenth of a start that finds nothing to do.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from skyferry.store.dialect import serialise
from skyferry.store.engine import Store

if TYPE_CHECKING:
    from alembic.config import Config

_TABLE: Final = "alembic_version"
_SCRIPTS = Path(__file__).parent / "migrations"


class SchemaError(Exception):
    """The schema is not one that this version works with; the message says what to do."""


def _config(tx: Connection | None = None) -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = tx
    return config


@cache
def _revisions() -> frozenset[str]:
    """The revisions that this version knows: the names of the migrations' files begin with them."""
    revisions = frozenset(path.name[:4] for path in (_SCRIPTS / "versions").glob("[0-9]*.py"))
    if not revisions:
        raise RuntimeError("Skyferry was installed without its migrations.")
    return revisions


def newest() -> str:
    """The revision that this version of Skyferry works with."""
    return max(_revisions())


def _current(tx: Connection) -> str | None:
    """The revision of the schema; None before the first one."""
    return _recorded(tx) if inspect(tx).has_table(_TABLE) else None


def _recorded(tx: Connection) -> str | None:
    return tx.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608 - a name of our own


def upgrade_within(tx: Connection) -> None:
    """Creates or migrates the schema in a transaction that has only read so far; see `upgrade`."""
    _wait_for(tx, "0")
    serialise(tx, "migrations")
    _wait_for(tx, "DEFAULT")
    if _current(tx) != newest():
        from alembic import command  # noqa: PLC0415

        command.upgrade(_config(tx), "head")


def _wait_for(tx: Connection, lock_timeout: str) -> None:
    """The turn of a process comes however long the one before it takes; then no lock of a table is waited for so long.

    A statement of a migration may take any time.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SET LOCAL statement_timeout = 0"))
        tx.execute(text(f"SET LOCAL lock_timeout TO {lock_timeout}"))


async def check(store: Store) -> None:
    """Returns when the schema is up to date; a later version of Skyferry may have brought it further.

    Raises:
        SchemaError: it is not: somebody has put an older database in its place.
        sqlalchemy.exc.SQLAlchemyError: the database does not answer.
    """
    try:
        revision = await store.read(_recorded)
    except DBAPIError as error:
        if _TABLE not in str(error.orig):
            raise
        revision = None  # the table is gone: asked for its name first, it would be two queries each time
    if revision is None or revision in _revisions() - {newest()}:
        raise SchemaError("The database is older than this server: restart the server, which brings it up to date.")


async def upgrade(store: Store) -> None:
    """Creates or migrates the schema, in one transaction; another process that does so at the same time waits."""
    await store.write(upgrade_within)
