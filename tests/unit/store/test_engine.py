"""Transactions of the store."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, insert, select

from skyferry.store.engine import Store, announce
from skyferry.store.tables import accounts


def add(tx: Connection, name: str) -> None:
    tx.execute(insert(accounts).values(uid=name, name=name, created_at=0))


def count(tx: Connection) -> int:
    return tx.execute(select(func.count()).select_from(accounts)).scalar_one()


async def test_the_directory_of_a_new_database_is_made(tmp_path: Path) -> None:
    opened = Store(str(tmp_path / "new" / "skyferry.db"))
    await opened.check()
    await opened.close()
    assert (tmp_path / "new" / "skyferry.db").exists()


async def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    def add_and_fail(tx: Connection) -> None:
        add(tx, "one")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.write(add_and_fail)
    assert await store.read(count) == 0


async def test_many_writers_take_turns(store: Store) -> None:
    await asyncio.gather(*(store.write(add, f"name-{number}") for number in range(50)))
    assert await store.read(count) == 50


async def test_a_reader_sees_one_state_while_a_writer_commits(store: Store) -> None:
    async def write_elsewhere() -> None:
        other = Store(store.url)
        await other.write(add, "late")
        await other.close()

    def read_twice(tx: Connection) -> tuple[int, int]:
        first = count(tx)
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, write_elsewhere()).result()
        return first, count(tx)

    assert await store.read(read_twice) == (0, 0)
    assert await store.read(count) == 1


async def test_check_answers(store: Store) -> None:
    await store.check()


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://"])
def test_a_database_that_cannot_serve_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match="database"):
        Store(url)


async def test_what_a_transaction_announces_is_heard_after_its_commit(store: Store) -> None:
    heard: list[str] = []
    store.listen("one", lambda items: heard.append("one" + "".join(items)))
    store.listen("two", lambda _: heard.append("two"))

    def work(tx: Connection) -> None:
        announce(tx, "one")
        announce(tx, "one", "a", "b")
        announce(tx, "one", "c")
        announce(tx, "nobody listens")
        assert heard == []

    await store.write(work)
    assert heard == ["oneabc"]
    await store.write(add, "quiet")
    assert heard == ["oneabc"]


async def test_what_a_failed_transaction_announces_is_never_heard(store: Store) -> None:
    heard: list[str] = []
    store.listen("one", lambda _: heard.append("one"))

    def fail(tx: Connection) -> None:
        announce(tx, "one")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await store.write(fail)
    await store.write(add, "next")
    assert heard == []
