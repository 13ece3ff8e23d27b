"""What the store does with PostgreSQL, whatever the other tests run on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import Connection, func, insert, make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from skyferry.errors import UnavailableError
from skyferry.store import downloads, migrate, positions
from skyferry.store.dialect import see_commits
from skyferry.store.downloads import DownloadRecord
from skyferry.store.engine import Store
from skyferry.store.limits import PostgresqlLimits
from skyferry.store.postgresql import connection_arguments
from skyferry.store.tables import accounts, report_positions, tasks
from tests.support.postgresql import PostgresqlServer
from tests.support.rows import World

SHORT: Final = PostgresqlLimits(
    connections=8, wait_seconds=0.3, statement_seconds=1, lock_seconds=0.3, idle_seconds=30, connect_seconds=5
)
MOST: Final = 5


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with PostgresqlServer() as started:
        yield started


@pytest.fixture
async def store(server: PostgresqlServer) -> AsyncIterator[Store]:
    opened = Store(server.url(), SHORT, application="skyferry-test")
    await opened.write(accounts.drop, checkfirst=True)
    await opened.write(accounts.create)
    yield opened
    await opened.close()


def add(tx: Connection, name: str) -> None:
    tx.execute(insert(accounts).values(uid=name, name=name, created_at=0))


def count(tx: Connection) -> int:
    return tx.execute(select(func.count()).select_from(accounts)).scalar_one()


def add_if_room(tx: Connection, name: str) -> None:
    """A rule over several rows, as there are many: it must hold whoever else writes."""
    if count(tx) < MOST:
        add(tx, name)


async def test_an_error_of_a_statement_is_not_its_own_cause(store: Store) -> None:
    """Who looks through the causes for an outage would never end."""
    with pytest.raises(DBAPIError) as raised:
        await store.write(lambda tx: tx.execute(text("SELECT 1 / 0")))
    assert raised.value.__cause__ is not raised.value


async def test_writers_behave_as_if_they_took_turns(server: PostgresqlServer, store: Store) -> None:
    other = Store(server.url(), PostgresqlLimits(connections=2))
    names = [f"name-{number}" for number in range(8)]
    await asyncio.gather(*(each.write(add_if_room, f"{name}-{id(each)}") for name in names for each in (store, other)))
    assert await store.read(count) == MOST
    await other.close()


async def test_writers_that_always_meet_are_all_done(server: PostgresqlServer, store: Store) -> None:
    def add_slowly(tx: Connection, name: str) -> None:
        count(tx)
        tx.execute(text("SELECT pg_sleep(0.02)"))
        add(tx, name)

    busy = Store(server.url(), PostgresqlLimits(connections=20))
    await asyncio.gather(*(busy.write(add_slowly, f"name-{number}") for number in range(40)))
    assert await store.read(count) == 40
    await busy.close()


async def test_a_worker_begins_while_others_move_the_positions(server: PostgresqlServer, store: Store) -> None:
    """None of the two is ever repeated: under load that may go on until it gives up."""
    await store.write(report_positions.drop, checkfirst=True)
    await store.write(report_positions.create)
    await store.write(positions.make, range(4))
    beginner, before = Store(server.url(), SHORT), repeated()

    async def move() -> None:
        for sequence in range(200):
            assert await store.write(positions.advance, 1, before=sequence, after=sequence + 1)

    moving = asyncio.create_task(move())
    while not moving.done():
        await beginner.write(positions.make, range(4))
    await moving
    await beginner.close()
    assert await store.read(positions.of_part, 1) == 200
    assert repeated() == before


async def test_downloads_are_counted_while_their_tasks_change(server: PostgresqlServer) -> None:
    """Whoever changes a task waits for nobody, and the count for the task's row: neither is ever repeated."""
    server.run("CREATE DATABASE counting")
    counting, changing = (Store(server.url("counting"), SHORT) for _ in range(2))
    await migrate.upgrade(counting)
    task_id = await counting.write(make_task)
    before = repeated()

    async def change() -> None:
        for progress in range(1, 200):
            await changing.write(set_progress, task_id, progress % 100)

    changes, times = asyncio.create_task(change()), 0
    while not changes.done():
        await counting.write(downloads.add, [DownloadRecord(task_id, 10, 1, 0, 0)])
        times += 1
    await changes
    counted = await counting.read(downloads.of_task, task_id)
    await counting.close()
    await changing.close()
    assert counted is not None
    assert (counted.bytes, counted.requests) == (10 * times, times)
    assert repeated() == before


def make_task(tx: Connection) -> int:
    world = World(tx)
    world.make_device("dev0")
    [task] = world.tasks(world.make_job(world.make_package(), ["dev0"]))
    return task.id


def set_progress(tx: Connection, task_id: int, progress: int) -> None:
    """As reports do: what one sees of the others is committed."""
    see_commits(tx)
    tx.execute(update(tasks).where(tasks.c.id == task_id).values(progress=progress))


def repeated() -> float:
    """How many transactions were done again so far."""
    name = "skyferry_store_repeated_total"
    return sum(item.value for metric in REGISTRY.collect() for item in metric.samples if item.name == name)


async def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        await store.read(add, "name")


async def test_connections_have_a_name(store: Store) -> None:
    asked = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'skyferry-test'")
    assert await store.read(lambda tx: tx.execute(asked).scalar_one()) > 0


async def test_a_lost_connection_is_replaced_before_the_work_is_done_again(
    server: PostgresqlServer, store: Store
) -> None:
    ended: list[int] = []

    def lose_once(tx: Connection) -> None:
        add(tx, "name")
        if not ended:
            ended.append(tx.execute(text("SELECT pg_backend_pid()")).scalar_one())
            server.run(f"SELECT pg_terminate_backend({ended[0]})")
            tx.execute(text("SELECT 1"))

    await store.write(lose_once)
    assert await store.read(count) == 1


async def test_connections_that_a_restart_has_ended_hinder_nobody(server: PostgresqlServer, store: Store) -> None:
    await asyncio.gather(*(store.write(add, f"name-{number}") for number in range(8)))
    server.restart()
    await store.write(add, "after")
    assert await store.read(count) == 9


def sleep(tx: Connection) -> None:
    tx.execute(text("SELECT pg_sleep(30)"))


def wait_for_a_lock(tx: Connection) -> None:
    tx.execute(text("SELECT pg_advisory_lock(7)"))


@pytest.mark.parametrize(
    ("work", "setting"), [(sleep, "database_statement_seconds"), (wait_for_a_lock, "database_lock_seconds")]
)
async def test_what_takes_too_long_is_unavailable(
    server: PostgresqlServer, store: Store, work: Callable[[Connection], None], setting: str
) -> None:
    holder = Store(server.url())
    await holder.read(lambda tx: tx.execute(text("SELECT pg_advisory_lock(7)")).close())
    with pytest.raises(UnavailableError, match=setting):
        await store.write(work)
    await holder.close()


async def test_who_finds_all_connections_in_use_is_told_so(server: PostgresqlServer) -> None:
    narrow = Store(server.url(), PostgresqlLimits(connections=1, wait_seconds=0.1))
    nap = text("SELECT pg_sleep(2)")
    busy = asyncio.create_task(narrow.read(lambda tx: tx.execute(nap).close()))
    await asyncio.sleep(0.3)
    with pytest.raises(UnavailableError, match="database_connections"):
        await narrow.check()
    await busy
    await narrow.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = Store("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(UnavailableError, match="does not answer"):
        await store.check()
    await store.close()


async def test_without_prepared_statements_all_works(server: PostgresqlServer, store: Store) -> None:
    plain = Store(server.url(), PostgresqlLimits(prepared=False))
    for number in range(3):
        await plain.write(add, f"name-{number}")
    assert await plain.read(count) == 3
    await plain.close()


def test_options_are_those_of_libpq() -> None:
    url = make_url(
        "postgresql://u:p%40@h/n?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=3&application_name=x"
    )
    given = connection_arguments(url, PostgresqlLimits(lock_seconds=1.5), "skyferry")
    assert given["dsn"] == "postgresql://u:p%40@h/n?sslmode=verify-full&sslrootcert=%2Fca.pem"
    assert given["timeout"] == 3
    assert given["server_settings"]["application_name"] == "x"
    assert given["server_settings"]["lock_timeout"] == "1500"


@pytest.mark.parametrize("url", ["postgresql://h/n?sslmood=on", "postgresql://h:port/n"])
def test_a_url_that_cannot_be_understood_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match="database URL"):
        Store(url)
