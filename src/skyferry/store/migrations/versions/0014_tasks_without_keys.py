"""Tasks and their history go with what they belong to by triggers instead of foreign keys.

A foreign key looks up its row at each insertion, which was more than half of making the tasks of a job (docs/adr/0008).
On SQLite the text of the tables is changed in place, as its manual says for constraints that go: nothing is copied.

Revision: 0014, after 0013. Written 2026-11-27.
"""

import re
from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_KEYS: Final = (
    ("tasks", "job_id", "jobs"),
    ("tasks", "device_id", "devices"),
    ("task_history", "task_id", "tasks"),
)
_NAMES: Final = ("rows", "owner", "owners")
_SQLITE: Final = """\
CREATE TRIGGER {rows}_of_{owners} AFTER DELETE ON {owners} BEGIN
  DELETE FROM {rows} WHERE {owner} = OLD.id;
END"""
_POSTGRESQL: Final = (
    """\
CREATE FUNCTION skyferry_{rows}_of_{owners}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM {rows} WHERE {owner} = ANY (ARRAY(SELECT id FROM old_rows));
  RETURN NULL;
END $$""",
    """\
CREATE TRIGGER {rows}_of_{owners} AFTER DELETE ON {owners} REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION skyferry_{rows}_of_{owners}()""",
)
_KEY: Final = ", CONSTRAINT fk_{rows}_{owner} FOREIGN KEY({owner}) REFERENCES {owners} (id) ON DELETE CASCADE"
_ANY_KEY: Final = re.compile(r",\s*CONSTRAINT fk_\w+ FOREIGN KEY\s*\(\w+\) REFERENCES \w+ \(id\) ON DELETE CASCADE")


def upgrade() -> None:
    """Applies the change."""
    tx = op.get_bind()
    sqlite = tx.dialect.name == "sqlite"
    for names in (dict(zip(_NAMES, key, strict=True)) for key in _KEYS):
        for statement in (_SQLITE,) if sqlite else _POSTGRESQL:
            tx.exec_driver_sql(statement.format(**names))
        if not sqlite:
            op.drop_constraint("fk_{rows}_{owner}".format(**names), names["rows"], type_="foreignkey")
    if sqlite:
        _rewrite(tx, {table: _ANY_KEY.sub("", _text_of(tx, table)) for table in ("tasks", "task_history")})
        left = [key for table in ("tasks", "task_history") for key in sa.inspect(tx).get_foreign_keys(table)]
        if left:
            raise RuntimeError(f"Foreign keys are written in another way than this version writes them: {left}")


def downgrade() -> None:
    """Takes the change back."""
    tx = op.get_bind()
    sqlite = tx.dialect.name == "sqlite"
    for names in (dict(zip(_NAMES, key, strict=True)) for key in _KEYS):
        if sqlite:
            tx.exec_driver_sql("DROP TRIGGER {rows}_of_{owners}".format(**names))
            text = _text_of(tx, names["rows"]).rstrip().removesuffix(")")
            _rewrite(tx, {names["rows"]: text + _KEY.format(**names) + ")"})
        else:
            tx.exec_driver_sql("DROP TRIGGER {rows}_of_{owners} ON {owners}".format(**names))
            tx.exec_driver_sql("DROP FUNCTION skyferry_{rows}_of_{owners}()".format(**names))
            key = "fk_{rows}_{owner}".format(**names)
            op.create_foreign_key(key, names["rows"], names["owners"], [names["owner"]], ["id"], ondelete="CASCADE")


def _text_of(tx: sa.Connection, table: str) -> str:
    """The statement that makes the table."""
    found = tx.execute(sa.text("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = :name"), {"name": table})
    return str(found.scalar_one())


def _rewrite(tx: sa.Connection, texts: dict[str, str]) -> None:
    """Replaces the statements that make tables by others that mean the same rows."""
    version = int(tx.exec_driver_sql("PRAGMA schema_version").scalar_one())
    tx.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, text in texts.items():
        statement = sa.text("UPDATE sqlite_master SET sql = :sql WHERE type = 'table' AND name = :name")
        tx.execute(statement, {"sql": text, "name": table})
    tx.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    tx.exec_driver_sql("PRAGMA writable_schema = RESET")
