"""Brings the schema up to date by Alembic, at every start and by `skyferry db`."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from skyferry.store.dialect import serialise
from skyferry.store.engine import Store

_SCRIPTS = Path(__file__).parent / "migrations"


def _config(tx: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = tx
    return config


def newest() -> str:
    """The revision that this version of Skyferry works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("Skyferry was installed without its migrations.")
    return head


def _upgrade(tx: Connection) -> None:
    _wait_for(tx, "0")
    serialise(tx, "migrations")
    _wait_for(tx, "DEFAULT")
    command.upgrade(_config(tx), "head")


def _wait_for(tx: Connection, lock_timeout: str) -> None:
    """The turn of a process comes however long the one before it takes; then no lock of a table is waited for so long.

    A statement of a migration may take any time.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SET LOCAL statement_timeout = 0"))
        tx.execute(text(f"SET LOCAL lock_timeout TO {lock_timeout}"))


@cache
def _older() -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_config())
    return frozenset(script.revision for script in scripts.walk_revisions()) - {newest()}


def _revision(tx: Connection) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


class SchemaError(Exception):
    """The schema is not one that this version works with; the message says what to do."""


async def check(store: Store) -> None:
    """Returns when the schema is up to date; a later version of Skyferry may have brought it further.

    Raises:
        SchemaError: it is not: somebody has put an older database in its place.
        sqlalchemy.exc.SQLAlchemyError: the database does not answer.
    """
    revision = await store.read(_revision)
    if revision is None or revision in _older():
        raise SchemaError("The database is older than this server: restart the server, which brings it up to date.")


async def upgrade(store: Store) -> None:
    """Creates or migrates the schema, in one transaction; another process that does so at the same time waits."""
    await store.write(_upgrade)
