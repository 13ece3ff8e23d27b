"""Migrations end at exactly the schema that the code works with."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from skyferry.store import migrate
from skyferry.store.engine import Store
from skyferry.store.tables import metadata
from tests.support import databases


def differences(tx: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(tx), metadata))


def indexes(tx: Connection) -> set[str]:
    """Every index and trigger as the database tells it, with conditions: `differences` does not compare these."""
    asked = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE tablename <> 'alembic_version' AND schemaname = 'public'"
        " UNION SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    }
    found = tx.execute(text(asked[tx.dialect.name])).scalars()
    return {" ".join(sql.split()) for sql in found}


async def test_the_migrated_schema_is_the_schema_of_the_code(tmp_path: Path) -> None:
    migrated, made = (
        Store(databases.url(tmp_path / "migrated.db", empty=True)),
        Store(databases.url(tmp_path / "made.db", empty=True)),
    )
    await migrate.upgrade(migrated)
    await made.write(metadata.create_all)
    assert await migrated.read(differences) == []
    assert await migrated.read(indexes) == await made.read(indexes)
    await migrated.close()
    await made.close()


async def test_a_second_start_migrates_nothing(tmp_path: Path) -> None:
    store = Store(databases.url(tmp_path / "skyferry.db", empty=True))
    await migrate.upgrade(store)
    await migrate.upgrade(store)

    def revision(tx: Connection) -> str | None:
        return MigrationContext.configure(tx).get_current_revision()

    assert await store.read(revision) == migrate.newest()
    assert migrate.newest() == ScriptDirectory.from_config(migrate._config()).get_current_head()
    tables = await store.read(lambda tx: inspect(tx).get_table_names())
    assert set(metadata.tables) <= set(tables)
    await store.close()


async def test_an_older_schema_under_a_running_server_is_noticed_and_a_later_one_is_not_minded(tmp_path: Path) -> None:
    store = Store(databases.url(tmp_path / "skyferry.db", empty=True))
    await migrate.upgrade(store)
    await migrate.check(store)

    def become(tx: Connection, revision: str) -> None:
        tx.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    await store.write(become, "9999")
    await migrate.check(store)
    await store.write(become, "0001")
    with pytest.raises(migrate.SchemaError, match="older than this server"):
        await migrate.check(store)
    await store.write(lambda tx: tx.execute(text("DROP TABLE alembic_version")).close())
    with pytest.raises(migrate.SchemaError, match="older than this server"):
        await migrate.check(store)
    await store.close()
