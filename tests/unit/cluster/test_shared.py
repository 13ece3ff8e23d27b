"""What several processes share is exact: calls per second and nonces, counted in PostgreSQL by many at once."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import Connection, delete, func, select, update

from skyferry.cluster.nonces import SharedNonces
from skyferry.cluster.quota import SharedQuota
from skyferry.store import call_windows, jobs, migrate
from skyferry.store import used_nonces as statements
from skyferry.store.engine import Store
from skyferry.store.tables import call_windows as windows
from skyferry.store.tables import used_nonces
from tests.support.postgresql import PostgresqlServer
from tests.support.rows import START

MINUTE_MS = 60_000
PROCESSES = 3
KEY = bytes(32)


@pytest.fixture(scope="module")
def postgresql() -> Iterator[PostgresqlServer]:
    """Its transactions do not see what others commit, unless they say so."""
    with PostgresqlServer(settings=("default_transaction_isolation=serializable",)) as server:
        yield server


@pytest.fixture
async def stores(postgresql: PostgresqlServer) -> AsyncIterator[list[Store]]:
    """The database, as several processes have it open."""
    opened = [Store(postgresql.url()) for _ in range(PROCESSES)]
    await migrate.upgrade(opened[0])
    yield opened
    await opened[0].write(lambda tx: [tx.execute(delete(table)) for table in (windows, used_nonces)])
    for store in opened:
        await store.close()


def calls(tx: Connection) -> list[int]:
    return list(tx.execute(select(windows.c.calls)).scalar_one())


def move(tx: Connection, ms: int) -> None:
    """All calls were so much later."""
    tx.execute(update(windows).values(calls=[at + ms for at in calls(tx)]))


def fingerprints(tx: Connection) -> int:
    return tx.execute(select(func.count()).select_from(used_nonces)).scalar_one()


async def test_the_next_job_to_select_for_is_read_where_nothing_can_be_locked(stores: list[Store]) -> None:
    assert await stores[0].read(jobs.next_selecting) is None


class TestQuota:
    async def test_exactly_as_many_calls_pass_as_may(self, stores: list[Store]) -> None:
        quotas = [SharedQuota(store) for store in stores]
        began = time.monotonic()
        waits = await asyncio.gather(
            *(quotas[number % PROCESSES].take(1, "Op", 20, now_ms=START) for number in range(200))
        )
        seconds = int(time.monotonic() - began)  # each that goes by lets as many pass again
        passed = waits.count(None)
        assert 20 <= passed <= 20 * (1 + seconds)
        assert all(1 <= wait <= 1_000 for wait in waits if wait is not None)
        assert len(await stores[0].read(calls)) <= 20

    async def test_calls_that_are_a_second_old_make_room(self, stores: list[Store]) -> None:
        quota, now = SharedQuota(stores[0]), itertools.count(START, 1_000)
        assert await quota.take(1, "Op", 1, now_ms=next(now)) is None
        await stores[0].write(move, 600_000)
        assert await quota.take(1, "Op", 1, now_ms=next(now)) is None, "the clock was set back"
        await stores[0].write(move, -1_000)
        assert await quota.take(1, "Op", 1, now_ms=next(now)) is None
        assert len(await stores[0].read(calls)) == 1

    async def test_accounts_and_operations_are_counted_each_by_itself(self, stores: list[Store]) -> None:
        quota = SharedQuota(stores[0])
        assert await quota.take(1, "A", 1, now_ms=START) is None
        assert await quota.take(2, "A", 1, now_ms=START) is None
        assert await quota.take(1, "B", 1, now_ms=START) is None
        assert await quota.take(1, "Closed", 0, now_ms=START) == 1_000

    async def test_who_is_refused_is_no_load_until_a_call_can_pass(
        self, stores: list[Store], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = iter([None, 400, None])
        monkeypatch.setattr(call_windows, "take", lambda *_: next(answers))
        quota = SharedQuota(stores[0])
        assert await quota.take(1, "Op", 1, now_ms=START) is None
        assert await quota.take(1, "Op", 1, now_ms=START + 100) == 400
        assert await quota.take(1, "Op", 1, now_ms=START + 499) == 1
        assert await quota.take(1, "Op", 1, now_ms=START + 500) is None


class TestNonces:
    async def test_of_many_that_send_a_nonce_at_once_one_is_served(self, stores: list[Store]) -> None:
        processes = [SharedNonces(store, KEY) for store in stores]
        uses = await asyncio.gather(
            *(
                processes[number % PROCESSES].use("k", f"nonce-{number // 10}", now_ms=START, expires_ms=START + 1)
                for number in range(100)
            )
        )
        assert (uses.count("new"), uses.count("used")) == (10, 90)

    async def test_a_nonce_belongs_to_its_access_key(self, stores: list[Store]) -> None:
        nonces = SharedNonces(stores[0], KEY)
        assert await nonces.use("k", "n", now_ms=START, expires_ms=START) == "new"
        assert await nonces.use("other", "n", now_ms=START, expires_ms=START) == "new"

    async def test_a_full_share_is_full_for_its_key_only_until_what_fills_it_has_expired(
        self, stores: list[Store]
    ) -> None:
        one, other = (SharedNonces(store, KEY, most_per_key=2) for store in stores[:2])
        assert await one.use("k", "a", now_ms=START, expires_ms=START + MINUTE_MS) == "new"
        assert await other.use("k", "b", now_ms=START, expires_ms=START + MINUTE_MS) == "new"
        assert await one.use("k", "c", now_ms=START, expires_ms=START + MINUTE_MS) == "full"
        assert await one.use("else", "c", now_ms=START, expires_ms=START + MINUTE_MS) == "new"
        assert await one.use("k", "c", now_ms=START + MINUTE_MS, expires_ms=START + 2 * MINUTE_MS) == "new"

    async def test_a_key_is_counted_only_now_and_then(
        self, stores: list[Store], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counted: list[str] = []

        def count(_: Connection, key: str, now: int) -> int:
            counted.append(f"{key} {now}")
            return 0

        monkeypatch.setattr(statements, "count", count)
        nonces = SharedNonces(stores[0], KEY, most_per_key=300)
        for number in range(10):
            await nonces.use("k", f"{number}", now_ms=START, expires_ms=START)
        assert len(counted) == 3

    async def test_expired_nonces_are_forgotten_by_portions(self, stores: list[Store]) -> None:
        nonces = SharedNonces(stores[0], KEY)
        for number in range(5):
            await nonces.use("k", f"{number}", now_ms=START, expires_ms=START + number)
        assert await stores[0].write(statements.forget, START + 4, 3) == 3
        assert await stores[0].write(statements.forget, START + 4, 3) == 1
        assert await stores[0].read(fingerprints) == 1
        await nonces.use("late", "n", now_ms=START + MINUTE_MS, expires_ms=START + MINUTE_MS)
        assert list(nonces._tallies) == ["late"], "what is known of a key goes with its nonces"
