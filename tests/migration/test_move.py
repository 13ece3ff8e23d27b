"""`skyferry db move`: what was in SQLite is in PostgreSQL, and goes on there."""

import asyncio
import gzip
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, create_engine, delete, func, inspect, select, text, update
from typer.testing import CliRunner, Result

from skyferry.cli import app
from skyferry.datadir import DataDir, DataDirLock
from skyferry.keys import KeyRing
from skyferry.objects import keys
from skyferry.store import migrate
from skyferry.store.engine import Store
from skyferry.store.tables import (
    device_counts,
    devices,
    jobs,
    metadata,
    objects,
    products,
    task_archives,
    task_counts,
    task_downloads,
    task_history,
    tasks,
)
from tests.support import every_table
from tests.support.bucket import ACCESS_KEY_ID, SECRET, S3Server
from tests.support.postgresql import PostgresqlServer
from tests.support.rows import World

CONTENT = bytes(range(256)) * 100
_numbers = count(1)
T = TypeVar("T")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    with PostgresqlServer() as started:
        yield started


@pytest.fixture
def url(postgresql: PostgresqlServer) -> str:
    """An empty database."""
    name = f"target_{next(_numbers)}"
    postgresql.run(f"CREATE DATABASE {name}")
    return postgresql.url(name)


@pytest.fixture
def source(tmp_path: Path) -> DataDir:
    """What a stopped server with SQLite has left, with rows in every table."""
    directory = DataDir(tmp_path / "data")
    directory.path.mkdir()
    KeyRing.load_or_create(directory.key)
    inside(str(directory.database), migrate.upgrade_within)
    inside(str(directory.database), every_table.fill)
    return directory


def move(source: DataDir, url: str, *options: str, code: int = 0, **environment: str) -> str:
    """Runs the command and gives all that it said."""
    command = ["db", "move", str(source.path), "--database", url, *options]
    result: Result = CliRunner(env=environment).invoke(app, command)
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.output


def inside(url: str, work: Callable[[Connection], T]) -> T:
    """Runs the work in a transaction on a database, as a server does."""

    async def run() -> T:
        store = Store(url)
        try:
            return await store.write(work)
        finally:
            await store.close()

    return asyncio.run(run())


def rows_of(url: str) -> dict[str, list[Any]]:
    """Everything a database holds."""
    return inside(
        url,
        lambda tx: {
            table.name: [tuple(row) for row in tx.execute(select(table).order_by(*table.primary_key))]
            for table in metadata.sorted_tables
        },
    )


def change(source: DataDir, statement: Any) -> None:
    engine = create_engine(f"sqlite:///{source.database}")
    with engine.begin() as tx:
        tx.execute(statement)
    engine.dispose()


def test_every_table_arrives_and_the_source_stays_as_it_was(source: DataDir, url: str) -> None:
    before = sha256(source.database.read_bytes()).digest()
    there = rows_of(str(source.database))
    assert all(there.values()), "a table has no row"

    said = move(source, url)

    assert sha256(source.database.read_bytes()).digest() == before
    assert rows_of(url) == there
    number = sum(map(len, there.values()))
    assert f"{number} rows in {len(there)} tables: the same on both sides." in said
    assert f"{source.key}: the key" in said
    assert f"Copy: devices {len(there['devices'])}" in said
    assert "database already" not in said


def test_no_key_is_given_twice(source: DataDir, url: str) -> None:
    """Devices and messages may still name a task that is gone."""
    for table, column in ((task_downloads, "task_id"), (task_history, "task_id"), (tasks, "id")):
        change(source, delete(table).where(table.c[column] == 2))
    move(source, url)
    following = text("SELECT nextval(pg_get_serial_sequence('tasks', 'id')), nextval('jobs_id_seq')")
    assert tuple(inside(url, lambda tx: tx.execute(following).one())) == (3, 3)


def test_keys_go_on_and_triggers_count(source: DataDir, url: str) -> None:
    move(source, url)

    def work(tx: Connection) -> None:
        World(tx).make_device("one-more")
        tx.execute(update(tasks).values(status=100))
        for counts, rows, owner, state, number in (
            (task_counts, tasks, "job_id", "status", "tasks"),
            (device_counts, devices, "product_id", "state", "devices"),
        ):
            counted = select(counts.c[owner], counts.c[state], func.sum(counts.c[number])).group_by(
                counts.c[owner], counts.c[state]
            )
            right = select(rows.c[owner], rows.c[state], func.count()).group_by(rows.c[owner], rows.c[state])
            assert {row for row in tx.execute(counted) if row[2]} == {tuple(row) for row in tx.execute(right)}

    inside(url, work)


def test_what_postgresql_cannot_store_is_told_with_its_row(source: DataDir, url: str) -> None:
    change(source, update(products).where(products.c.id == 2).values(description="a\0b"))
    change(source, text("UPDATE products SET node_type = 70000 WHERE id = 1"))

    said = move(source, url, code=2)

    assert "products, row id = 1: node_type is no whole number from -32768 to 32767." in said
    assert "products, row id = 2: description holds a NUL character, which PostgreSQL cannot store in a text." in said
    assert not inside(url, lambda tx: inspect(tx).get_table_names()), "something was left behind"


def test_a_damaged_source_is_told(source: DataDir, url: str) -> None:
    change(source, text("UPDATE products SET name = CAST(x'ff' AS TEXT) WHERE id = 1"))
    assert "cannot be read, and nothing was moved: Could not decode to UTF-8" in move(source, url, code=2)


def test_a_difference_is_told_and_nothing_is_moved(source: DataDir, url: str, postgresql: PostgresqlServer) -> None:
    """A database that changes what is written to it."""
    inside(url, migrate.upgrade_within)
    name = url.rsplit("/", 1)[1]
    for table, instead in (("modules", "NEW.description = 'spoilt'; RETURN NEW"), ("outbox", "RETURN NULL")):
        body = f"LANGUAGE plpgsql AS $$ BEGIN {instead}; END $$"
        postgresql.run(f"CREATE FUNCTION spoil_{table}() RETURNS trigger {body}", name)
        trigger = f"BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION spoil_{table}()"
        postgresql.run(f"CREATE TRIGGER spoil {trigger}", name)

    said = move(source, url, code=2)

    assert "The databases differ, and nothing was moved: modules has other values; outbox had 2 rows and has 0." in said
    assert not any((rows_of(url)).values())


def test_a_target_with_data_is_refused(source: DataDir, url: str) -> None:
    move(source, url)
    there = rows_of(url)
    assert "The database has data already (in accounts): name an empty one." in move(source, url, code=2)
    assert rows_of(url) == there


def test_a_source_in_use_is_refused(source: DataDir, url: str) -> None:
    with DataDirLock(source):
        assert f"Another server uses {source.path}. Stop it first." in move(source, url, code=2)


def test_a_source_of_another_version_is_refused(source: DataDir, url: str) -> None:
    change(source, text("UPDATE alembic_version SET version_num = '0009'"))
    assert f"(0009 instead of {migrate.newest()}): start this version's skyferry serve" in move(source, url, code=2)


def test_what_is_no_source_is_refused(tmp_path: Path, url: str) -> None:
    nothing = DataDir(tmp_path / "nothing")
    assert "There is no database" in move(nothing, url, code=2)
    assert not nothing.path.exists()
    nothing.path.mkdir()
    nothing.database.write_text("no database at all, but a text that is long enough")
    assert "cannot be read" in move(nothing, url, code=2)


@pytest.mark.parametrize("target", ["sqlite:///other.db", "mysql://host/x", "nonsense"])
def test_what_is_no_target_is_refused(source: DataDir, target: str) -> None:
    assert "Say by --database where the data goes" in move(source, target, code=2)


def test_a_target_that_is_away_is_told(source: DataDir) -> None:
    assert "127.0.0.1" in move(source, "postgresql://nobody@127.0.0.1:1/none", code=2)


def test_an_unknown_database_is_told(source: DataDir, postgresql: PostgresqlServer) -> None:
    assert 'database "none" does not exist' in move(source, postgresql.url("none"), code=2)


def test_package_files_go_to_a_bucket(source: DataDir, url: str) -> None:
    key = f"ota/{'a' * 32}/{'b' * 25}.bin"
    gone = f"ota/{'a' * 32}/{'c' * 25}.bin"
    digest = sha256(CONTENT).hexdigest()
    for number, name in enumerate((key, gone), 1):
        statement = update(objects).where(objects.c.size == (1 << 53) + number)
        change(source, statement.values(key=name, sha256=digest))
    change(source, text(f"UPDATE package_files SET object_key = '{key}'"))
    change(source, text(f"UPDATE jobs SET list_key = '{key}' WHERE list_key IS NOT NULL"))
    path = source.objects / f"{key}.{digest}"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    lines = b'{"a": "line"}\n'
    archive = keys.archive_name("job", 1, sha256(lines).hexdigest())
    broken = keys.archive_name("job", 2, sha256(b"").hexdigest())
    for first, name in enumerate((archive, broken), 1):
        change(source, update(task_archives).where(task_archives.c.first_task == first).values(name=name))
        (source.objects / name).parent.mkdir(parents=True, exist_ok=True)
        (source.objects / name).write_bytes(gzip.compress(lines))
    with S3Server() as server:
        bucket = server.bucket()
        environment = {
            "SKYFERRY_OBJECTS_S3_ENDPOINT": server.url,
            "SKYFERRY_OBJECTS_S3_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "SKYFERRY_OBJECTS_S3_SECRET_ACCESS_KEY": SECRET,
        }
        said = move(source, url, "--objects", f"s3://{bucket.name}/files", code=1, **environment)
        assert f"2 files of packages and archives are in s3://{bucket.name}/files." in said
        assert f"The file {gone}.{digest} is not in {source.objects}." in said
        assert f"The file {broken} is damaged." in said
        assert bucket.content(f"files/{key}.{digest}") == CONTENT
        assert gzip.decompress(bucket.content(f"files/{archive}")) == lines
    assert jobs.name in rows_of(url)
