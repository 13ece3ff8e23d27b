"""What SQLite and PostgreSQL both do and SQLAlchemy spells twice."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upserting(tx: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say `on_conflict_do_update`."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)
