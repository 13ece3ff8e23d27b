"""Counters of tasks by state and of devices by state, kept by triggers, beginning with what is there.

Revision: 0010, after 0009. Written 2026-11-27.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_NAMES: Final = ("rows", "owner", "owners", "state", "counts", "number")
_COUNTERS: Final = (
    ("tasks", "job_id", "jobs", "status", "task_counts", "tasks"),
    ("devices", "product_id", "products", "state", "device_counts", "devices"),
)
_COUNT: Final = """\
INSERT INTO {counts} ({owner}, {state}, slot, {number})
SELECT {owner}, {state}, 0, count(*) FROM {rows} GROUP BY {owner}, {state}"""
_SQLITE: Final = (
    """\
CREATE TRIGGER {counts}_inserted AFTER INSERT ON {rows} BEGIN
  INSERT INTO {counts} ({owner}, {state}, slot, {number}) VALUES (NEW.{owner}, NEW.{state}, 0, 1)
  ON CONFLICT ({owner}, {state}, slot) DO UPDATE SET {number} = {number} + 1;
END""",
    """\
CREATE TRIGGER {counts}_updated AFTER UPDATE ON {rows} WHEN OLD.{state} <> NEW.{state} BEGIN
  UPDATE {counts} SET {number} = {number} - 1 WHERE {owner} = OLD.{owner} AND {state} = OLD.{state} AND slot = 0;
  INSERT INTO {counts} ({owner}, {state}, slot, {number}) VALUES (NEW.{owner}, NEW.{state}, 0, 1)
  ON CONFLICT ({owner}, {state}, slot) DO UPDATE SET {number} = {number} + 1;
END""",
    """\
CREATE TRIGGER {counts}_deleted AFTER DELETE ON {rows} BEGIN
  UPDATE {counts} SET {number} = {number} - 1 WHERE {owner} = OLD.{owner} AND {state} = OLD.{state} AND slot = 0;
END""",
    """\
CREATE TRIGGER {counts}_removed AFTER DELETE ON {owners} BEGIN
  DELETE FROM {counts} WHERE {owner} = OLD.id;
END""",
)
_SLOT: Final = """\
CREATE FUNCTION skyferry_counter_slot() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE own integer DEFAULT CAST(nullif(current_setting('skyferry.counter_slot', true), '') AS integer);
BEGIN
  IF own IS NOT NULL THEN RETURN own; END IF;
  own = 64 + pg_backend_pid();
  FOR free IN 0..63 LOOP
    IF pg_try_advisory_lock(1397442118, free) THEN own = free; EXIT; END IF;
  END LOOP;
  PERFORM set_config('skyferry.counter_slot', CAST(own AS text), false);
  RETURN own;
END $$"""
_POSTGRESQL: Final = (
    """\
CREATE FUNCTION skyferry_{counts}_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {counts} ({owner}, {state}, slot, {number})
  SELECT {owner}, {state}, skyferry_counter_slot(), count(*) FROM new_rows GROUP BY {owner}, {state}
  ON CONFLICT ({owner}, {state}, slot) DO UPDATE SET {number} = {counts}.{number} + excluded.{number};
  RETURN NULL;
END $$""",
    """\
CREATE FUNCTION skyferry_{counts}_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {counts} ({owner}, {state}, slot, {number})
  SELECT {owner}, {state}, skyferry_counter_slot(), sum(change)
  FROM (SELECT {owner}, {state}, -1 AS change FROM old_rows UNION ALL SELECT {owner}, {state}, 1 FROM new_rows) AS moved
  GROUP BY {owner}, {state} HAVING sum(change) <> 0
  ON CONFLICT ({owner}, {state}, slot) DO UPDATE SET {number} = {counts}.{number} + excluded.{number};
  RETURN NULL;
END $$""",
    """\
CREATE FUNCTION skyferry_{counts}_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO {counts} ({owner}, {state}, slot, {number})
  SELECT {owner}, {state}, skyferry_counter_slot(), -count(*) FROM old_rows
  WHERE EXISTS (SELECT 1 FROM {owners} WHERE {owners}.id = old_rows.{owner}) GROUP BY {owner}, {state}
  ON CONFLICT ({owner}, {state}, slot) DO UPDATE SET {number} = {counts}.{number} + excluded.{number};
  RETURN NULL;
END $$""",
    """\
CREATE FUNCTION skyferry_{counts}_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM {counts} WHERE {owner} IN (SELECT id FROM old_rows);
  RETURN NULL;
END $$""",
    """\
CREATE TRIGGER {counts}_inserted AFTER INSERT ON {rows} REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION skyferry_{counts}_inserted()""",
    """\
CREATE TRIGGER {counts}_updated AFTER UPDATE ON {rows} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION skyferry_{counts}_updated()""",
    """\
CREATE TRIGGER {counts}_deleted AFTER DELETE ON {rows} REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION skyferry_{counts}_deleted()""",
    """\
CREATE TRIGGER {counts}_removed AFTER DELETE ON {owners} REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION skyferry_{counts}_removed()""",
)


def upgrade() -> None:
    """Applies the change."""
    tx = op.get_bind()
    postgresql = tx.dialect.name == "postgresql"
    if postgresql:
        tx.exec_driver_sql(_SLOT)
    for counter in _COUNTERS:
        names = dict(zip(_NAMES, counter, strict=True))
        op.create_table(
            names["counts"],
            sa.Column(names["owner"], KEY, autoincrement=False, nullable=False),
            sa.Column(names["state"], sa.SmallInteger(), nullable=False),
            sa.Column("slot", sa.Integer(), nullable=False),
            sa.Column(names["number"], sa.Integer(), nullable=False),
            sa.PrimaryKeyConstraint(names["owner"], names["state"], "slot", name=op.f(f"pk_{names['counts']}")),
            sqlite_with_rowid=False,
        )
        for template in (_COUNT, *(_POSTGRESQL if postgresql else _SQLITE)):
            tx.exec_driver_sql(template.format(**names))


def downgrade() -> None:
    """Takes the change back."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for rows, _, owners, _, counts, _ in _COUNTERS:
        for name in ("inserted", "updated", "deleted", "removed"):
            table = f" ON {owners if name == 'removed' else rows}" if postgresql else ""
            op.execute(f"DROP TRIGGER {counts}_{name}{table}")
            if postgresql:
                op.execute(f"DROP FUNCTION skyferry_{counts}_{name}()")
        op.drop_table(counts)
    if postgresql:
        op.execute("DROP FUNCTION skyferry_counter_slot()")
