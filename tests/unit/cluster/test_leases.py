"""Leases: work is shared fairly, kept while it is renewed, and taken over from those that have gone."""

import pytest
from sqlalchemy import Connection, insert, select, update

from skyferry.cluster.claims import Alone
from skyferry.cluster.leases import LeaseLimits, Leases
from skyferry.store import leases as statements
from skyferry.store.engine import Store
from skyferry.store.leases import Share
from skyferry.store.tables import leases, processes
from tests.support.clock import ManualClock
from tests.support.rows import START

LIMITS = LeaseLimits(lease_ms=9_000, short_ms=500, silent_ms=5_000)
PARTS = [f"reports:{number}" for number in range(4)]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose share was looked up in the database."""
    seen: list[str] = []
    original = statements.share

    def noting(tx: Connection, names: list[str], holder: str, **times: int) -> Share:
        seen.append(holder)
        return original(tx, names, holder, **times)

    monkeypatch.setattr(statements, "share", noting)
    return seen


def join(tx: Connection, name: str, roles: str = "worker", heard_at: int = START) -> None:
    tx.execute(insert(processes), {"id": name, "roles": roles, "started_at": START, "heard_at": heard_at})


def rows(tx: Connection) -> dict[str, str | None]:
    return {row.name: row.holder for row in tx.execute(select(leases.c.name, leases.c.holder))}


async def make(store: Store, clock: ManualClock, name: str) -> Leases:
    await store.write(join, name)
    return Leases(store, clock, name, LIMITS)


async def test_a_process_that_is_alone_does_everything(store: Store, clock: ManualClock) -> None:
    assert await Alone().hold(PARTS) == set(PARTS)
    only = await make(store, clock, "p1")
    assert await only.hold(PARTS) == set(PARTS)
    assert await only.hold([]) == set()


async def test_two_share_and_nothing_has_two_holders(store: Store, clock: ManualClock) -> None:
    first = await make(store, clock, "p1")
    assert await first.hold(PARTS) == set(PARTS)
    second = await make(store, clock, "p2")
    assert await second.hold(PARTS) == set()
    clock.now += LIMITS.lease_ms // 3
    of_first = await first.hold(PARTS)
    clock.now += LIMITS.lease_ms // 3
    of_second = await second.hold(PARTS)
    assert len(of_first) == len(of_second) == 2
    assert of_first | of_second == set(PARTS)
    assert await first.hold(PARTS) == of_first


async def test_who_has_less_than_its_share_takes_soon_what_another_gives_up(
    store: Store, clock: ManualClock, looks: list[str]
) -> None:
    first = await make(store, clock, "p1")
    await first.hold(PARTS)
    second = await make(store, clock, "p2")
    assert await second.hold(PARTS) == set()
    clock.now += LIMITS.lease_ms // 3
    await first.hold(PARTS)
    assert len(await second.hold(PARTS)) == 2
    clock.now += LIMITS.short_ms
    await second.hold(PARTS)
    assert looks == ["p1", "p2", "p1", "p2"], "it has enough"


async def test_shares_are_rounded_up_so_that_nothing_is_left(store: Store, clock: ManualClock) -> None:
    three = [await make(store, clock, name) for name in ("p1", "p2", "p3")]
    held = [await each.hold(PARTS) for each in three]
    assert [len(part) for part in held] == [2, 2, 0]


async def test_only_workers_that_live_have_a_share(store: Store, clock: ManualClock) -> None:
    await store.write(join, "api", "api,gateway")
    await store.write(join, "dead", "api,worker", START - LIMITS.silent_ms - 1)
    only = await make(store, clock, "p1")
    assert await only.hold(PARTS) == set(PARTS)


async def test_kinds_are_shared_each_by_itself(store: Store, clock: ManualClock) -> None:
    first, second = await make(store, clock, "p1"), await make(store, clock, "p2")
    assert await first.hold(PARTS) == set(PARTS[:2])
    assert await first.hold(["chore:a", "chore:b"]) == {"chore:a"}
    assert await second.hold(["chore:a", "chore:b"]) == {"chore:b"}
    assert await first.hold(PARTS) == set(PARTS[:2])


async def test_what_is_renewed_is_kept_and_costs_no_look_in_between(
    store: Store, clock: ManualClock, looks: list[str]
) -> None:
    only = await make(store, clock, "p1")
    for _ in range(3):
        await only.hold(PARTS)
    assert looks == ["p1"]
    late = await make(store, clock, "p2")
    for _ in range(4):
        clock.now += LIMITS.lease_ms // 3
        await store.write(lambda tx: tx.execute(update(processes).values(heard_at=clock.now)))
        assert len(await only.hold(PARTS)) == 2
    assert len(await late.hold(PARTS)) == 2
    assert looks == ["p1"] * 5 + ["p2"]


async def test_work_that_is_new_is_looked_for_at_once_and_old_work_is_forgotten(
    store: Store, clock: ManualClock
) -> None:
    only = await make(store, clock, "p1")
    await only.hold(["courier:1", "courier:2"])
    assert await only.hold(["courier:2", "courier:3"]) == {"courier:2", "courier:3"}
    assert await store.read(rows) == {"courier:2": "p1", "courier:3": "p1"}


async def test_the_work_of_a_process_that_has_gone_is_taken_over(store: Store, clock: ManualClock) -> None:
    gone = await make(store, clock, "p1")
    await gone.hold(PARTS)
    clock.now += LIMITS.lease_ms - 1
    heir = await make(store, clock, "p2")
    assert await heir.hold(PARTS) == set(), "the lease is not over"
    await store.write(lambda tx: tx.execute(update(processes).where(processes.c.id == "p2").values(heard_at=clock.now)))
    clock.now += LIMITS.lease_ms // 3
    assert await heir.hold(PARTS) == set(PARTS)
    assert await gone.hold(PARTS) == set(), "it comes back too late"


async def test_what_is_released_is_free_at_once(store: Store, clock: ManualClock) -> None:
    first = await make(store, clock, "p1")
    await first.hold(PARTS)
    await first.release_all()
    assert set((await store.read(rows)).values()) == {None}
    await store.write(lambda tx: tx.execute(processes.delete()))
    second = await make(store, clock, "p2")
    assert await second.hold(PARTS) == set(PARTS)


async def test_a_clock_that_is_set_back_looks_again(store: Store, clock: ManualClock, looks: list[str]) -> None:
    only = await make(store, clock, "p1")
    await only.hold(PARTS)
    clock.now -= 3_600_000
    assert await only.hold(PARTS) == set(PARTS)
    assert len(looks) == 2
