"""Texts are sorted by code point on PostgreSQL too, not by the rules of the language that its database has.

Revision: 0011, after 0010. Written 2026-11-27.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_COLUMNS = sa.text(
    "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0"
    " AND NOT a.attisdropped AND a.atttypid = 'text'::regtype"
    # A generated column refers to it, and nobody sorts by it.
    " AND (c.relname, a.attname) <> ('devices', 'connection_id') ORDER BY 1, a.attnum"
)


def upgrade() -> None:
    """Applies the change."""
    _collate("C")


def downgrade() -> None:
    """Takes the change back."""
    _collate("default")


def _collate(collation: str) -> None:
    """Gives all columns of texts a collation; their indexes are built anew."""
    if op.get_bind().dialect.name != "postgresql":
        return
    columns: dict[str, list[str]] = {}
    for table, column in op.get_bind().execute(_COLUMNS).all():
        columns.setdefault(table, []).append(column)
    for table, names in columns.items():
        changes = ", ".join(f'ALTER COLUMN "{name}" TYPE text COLLATE "{collation}"' for name in names)
        op.execute(f'ALTER TABLE "{table}" {changes}')
