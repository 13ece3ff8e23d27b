"""What is remembered of objects, and for how long."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete

from skyferry.keys import SecretBox
from skyferry.objects import recent
from skyferry.objects.recent import RecentObjects
from skyferry.store import objects as statements
from skyferry.store import tables
from skyferry.store.engine import Store
from skyferry.store.objects import StoredObject
from tests.support import databases
from tests.unit.objects.serving import PREFIX, prepare

KEYS = [f"ota/{PREFIX}/{number:025d}.bin" for number in range(3)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(databases.url(tmp_path / "skyferry.db"))
    await opened.write(prepare, SecretBox(b"k" * 32))
    await opened.write(put_all)
    yield opened
    await opened.close()


def put_all(tx: Connection) -> None:
    for key in KEYS:
        statements.put_object(tx, StoredObject(key, 1, 1, "0" * 32, "0" * 64, "1", 0))


def remove_all(tx: Connection) -> None:
    tx.execute(delete(tables.objects))


async def test_what_was_found_is_found_again_without_a_look_for_a_moment_only(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 10.0
    monkeypatch.setattr(recent, "monotonic", lambda: now)
    known = RecentObjects(store)
    found = await known.find(KEYS[0])
    assert found is not None
    await store.write(remove_all)
    assert await known.find(KEYS[0]) == found
    assert await known.find(KEYS[1]) is None
    now += 1
    assert await known.find(KEYS[0]) is None


async def test_a_look_up_corrects_what_is_remembered(store: Store) -> None:
    known = RecentObjects(store)
    await known.find(KEYS[0])
    await store.write(remove_all)
    assert await known.look_up(KEYS[0]) is None
    assert await known.find(KEYS[0]) is None
    await store.write(put_all)
    assert await known.find(KEYS[0]) is not None, "that there was none is not remembered"


async def test_of_too_many_the_oldest_is_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "_MOST", 2)
    known = RecentObjects(store)
    for key in (*KEYS, KEYS[1]):
        await known.find(key)
    await store.write(remove_all)
    assert [await known.find(key) is None for key in KEYS] == [True, False, False]
