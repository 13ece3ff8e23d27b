"""What the database does by itself, whoever changes the rows: it counts some, and removes what belongs to removed ones.

Counters: SQLite has one writer, and a trigger for each row adds and takes away one. PostgreSQL has many, who must not
wait for each other over a counter: a trigger for each statement adds what the statement changed, in a slot that belongs
to the connection alone (docs/adr/0004-counters-kept-by-triggers.md).

Tasks and their history are removed with what they belong to by triggers instead of foreign keys, which would look up
their rows at each insertion (docs/adr/0008-tasks-without-foreign-keys.md).
"""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, MetaData, event

from skyferry.store.tables.base import metadata

COUNTERS: Final[tuple[Mapping[str, str], ...]] = (
    {
        "rows": "tasks",
        "owner": "job_id",
        "owners": "jobs",
        "state": "status",
        "counts": "task_counts",
        "number": "tasks",
    },
    {
        "rows": "devices",
        "owner": "product_id",
        "owners": "products",
        "state": "state",
        "counts": "device_counts",
        "number": "devices",
    },
)
"""What is counted: rows by the column of their owner and the one of their state. The counts bear the same names; what
goes with its owner is counted no more."""
OWNED: Final[tuple[Mapping[str, str], ...]] = (
    {"rows": "tasks", "owner": "job_id", "owners": "jobs"},
    {"rows": "tasks", "owner": "device_id", "owners": "devices"},
    {"rows": "task_history", "owner": "task_id", "owners": "tasks"},
)
"""What is removed with its owner: rows by the column of their owner."""
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
"""The connection's slot, which no other one has: the first that was free, or one made of its process when none was. It
keeps it to its end, for a row that another transaction changed since this one began would make this one begin anew."""
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
_OWNED_SQLITE: Final = (
    """\
CREATE TRIGGER {rows}_of_{owners} AFTER DELETE ON {owners} BEGIN
  DELETE FROM {rows} WHERE {owner} = OLD.id;
END""",
)
_OWNED_POSTGRESQL: Final = (
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


def create(tx: Connection) -> None:
    """Makes the triggers; the tables are there."""
    counting: tuple[str, ...] = _SQLITE
    removing: tuple[str, ...] = _OWNED_SQLITE
    if tx.dialect.name == "postgresql":
        tx.exec_driver_sql(_SLOT)
        counting, removing = _POSTGRESQL, _OWNED_POSTGRESQL
    for templates, subjects in ((counting, COUNTERS), (removing, OWNED)):
        for subject in subjects:
            for template in templates:
                tx.exec_driver_sql(template.format(**subject))


@event.listens_for(metadata, "after_create")
def _with_the_tables(_: MetaData, tx: Connection, **__: Any) -> None:
    create(tx)
