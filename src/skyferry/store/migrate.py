"""Brings the schema up to date by Alembic, at every start and by `skyferry db`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
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


async def upgrade(store: Store) -> None:
    """Creates or migrates the schema, in one transaction; another process that does so at the same time waits."""
    await store.write(_upgrade)
