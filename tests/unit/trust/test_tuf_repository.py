"""What was signed is stored only where nothing has changed, and a broken repository keeps no other waiting."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Connection, func, select, update

from skyferry.keys import SecretBox
from skyferry.store import tuf as statements
from skyferry.store.engine import Store
from skyferry.store.tables import tuf_metadata
from skyferry.trust.tuf import repository
from skyferry.trust.tuf.ceremonies import Ceremony, RoleKeys
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.repository import Repositories, SupersededError
from tests.support.rows import START, World

BOX = SecretBox(bytes(32))
LIMITS = TufLimits()
DAY = 86_400_000


class SetClock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.ms = START

    def now_ms(self) -> int:
        return self.ms


def begin(tx: Connection, products: int) -> list[int]:
    """So many products with a repository each."""
    world = World(tx)
    made = [world.make_product(f"trusted_{number}") for number in range(products)]
    for product in made:
        Ceremony(tx, product, BOX, START).begin(RoleKeys(), RoleKeys())
    return [product.id for product in made]


def versions(tx: Connection, product_id: int) -> dict[str, tuple[int, int]]:
    """The number of versions and the newest by role."""
    columns = tuf_metadata.c.role, func.count(), func.max(tuf_metadata.c.version)
    statement = select(*columns).where(tuf_metadata.c.product_id == product_id).group_by(tuf_metadata.c.role)
    return {role: (count, newest) for role, count, newest in tx.execute(statement)}


async def test_what_is_due_is_signed_and_then_nothing_is_due(store: Store) -> None:
    products = await store.write(begin, 3)
    repositories = Repositories(store, BOX, SetClock(), LIMITS)

    assert [await repositories.publish_next() for _ in range(4)] == [True, True, True, False]
    for product in products:
        assert await store.read(versions, product) == dict.fromkeys(
            ("root", "targets", "snapshot", "timestamp"), (1, 1)
        )


async def test_of_two_that_sign_at_once_one_stores(store: Store) -> None:
    [product] = await store.write(begin, 1)
    workers = [Repositories(store, BOX, SetClock(), LIMITS) for _ in range(4)]
    assert all(await asyncio.gather(*(worker.publish_next() for worker in workers)))

    assert set((await store.read(versions, product)).values()) == {(1, 1)}


async def test_what_was_signed_before_a_change_is_not_stored_after_it(store: Store) -> None:
    def race(tx: Connection) -> None:
        world = World(tx)
        Ceremony(tx, world.product, BOX, START).begin(RoleKeys(), RoleKeys())
        record = statements.repository(tx, world.product.id)
        assert record is not None
        state = repository.load(tx, record)
        made = state.publisher(BOX, START, LIMITS).publish(state.published())
        world.make_package()
        with pytest.raises(SupersededError):
            repository.store_metadata(tx, record, made, LIMITS, now=START)
        changed = statements.next_due(tx, START)
        assert changed is not None
        assert changed.revision == record.revision + 1

    await store.write(race)


async def test_a_repository_that_cannot_be_signed_keeps_no_other_waiting(store: Store) -> None:
    broken, sound = await store.write(begin, 2)
    clock = SetClock()
    repositories = Repositories(store, BOX, clock, LIMITS)
    await store.write(
        lambda tx: tx.execute(update(tuf_metadata).where(tuf_metadata.c.product_id == broken).values(body=b"{}"))
    )

    assert [await repositories.publish_next() for _ in range(3)] == [True, True, False]
    assert "timestamp" in await store.read(versions, sound)
    assert "timestamp" not in await store.read(versions, broken)
    clock.ms += LIMITS.retry_ms
    assert await repositories.publish_next()


async def test_old_versions_are_forgotten_and_roots_are_kept(store: Store) -> None:
    [product] = await store.write(begin, 1)
    clock = SetClock()
    repositories = Repositories(store, BOX, clock, replace(LIMITS, root_ms=10 * DAY, snapshot_ms=DAY))
    while clock.ms < START + 400 * DAY:
        await repositories.publish_next()
        clock.ms += 10 * DAY

    found = await store.read(versions, product)
    assert found["root"] == (found["root"][1], found["root"][1])
    assert found["root"][1] > 1
    assert found["timestamp"][0] == found["snapshot"][0] == LIMITS.kept_versions
