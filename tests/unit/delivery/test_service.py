"""The delivery as a whole: couriers come and go with their subscriptions, and what nobody wants is removed."""

import asyncio
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from skyferry.cluster.claims import Alone
from skyferry.delivery.limits import DeliveryLimits
from skyferry.delivery.service import Delivery
from skyferry.events import subscriptions
from skyferry.store import outbox as statements
from skyferry.store.engine import Store
from skyferry.store.outbox import Death
from skyferry.store.subscriptions import SubscriptionRecord
from skyferry.store.tables import outbox
from skyferry.store.tables import subscriptions as subscription_table
from tests.support.clock import ManualClock
from tests.support.nats import NatsServer
from tests.support.outbox import BOX, fill, is_empty, subscription, waiting
from tests.support.receiver import Receiver
from tests.support.rows import START
from tests.unit.delivery.waiting import stored, until

LIMITS = DeliveryLimits(attempts=2, retry_ms=20, timeout_ms=5_000, keep_dead_ms=1_000)


class Told:
    """Holds what a test says."""

    def __init__(self) -> None:
        self.held: set[str] = set()

    async def hold(self, names: Collection[str]) -> frozenset[str]:
        return frozenset(names) & self.held


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def delivery(store: Store, clock: ManualClock) -> AsyncIterator[Delivery]:
    made = Delivery(store, BOX, clock, LIMITS, Alone())
    made.start()
    yield made
    await made.stop()


def bodies(receiver: Receiver) -> list[int]:
    return sorted(item.message["payload"] for item in receiver.taken)


async def test_a_subscription_that_is_made_is_served_at_once(store: Store, delivery: Delivery) -> None:
    with Receiver() as receiver:
        record = await store.write(subscription, target=receiver.url)
        await store.write(fill, record.id, "a", "b")

        await until(lambda: bodies(receiver) == [1, 2])
        await stored(store, is_empty)
    await delivery.check()


async def test_a_subscription_that_is_changed_is_followed(store: Store, delivery: Delivery) -> None:
    def change(tx: Connection, /, record: SubscriptionRecord, **values: object) -> None:
        subscriptions.update(
            tx,
            BOX,
            instance_id=record.instance_id,
            subscription_id=record.subscription_id,
            **values,  # type: ignore[arg-type]
        )

    with Receiver() as first, Receiver() as second:
        record = await store.write(subscription, target=first.url)
        await store.write(fill, record.id, "a")
        await until(lambda: bodies(first) == [1])
        await store.write(change, record, active=False)
        await until(lambda: not delivery._couriers)
        await store.write(fill, record.id, "a", "b")
        await store.write(change, record, active=True, target=second.url)

        await until(lambda: len(second.taken) == 2)
        assert len(first.all) == 1


async def test_only_subscriptions_that_are_this_process_s_are_served(store: Store, clock: ManualClock) -> None:
    told = Told()
    delivery = Delivery(store, BOX, clock, LIMITS, told)
    with Receiver() as receiver:
        ours, theirs = [await store.write(subscription, target=receiver.url) for _ in range(2)]
        told.held = {f"courier:{ours.id}"}
        delivery.start()
        await store.write(fill, theirs.id, "a")
        await store.write(fill, ours.id, "b", "c")
        await until(lambda: len(receiver.taken) == 2)
        assert list(delivery._couriers) == [ours.id]

        told.held = {f"courier:{theirs.id}"}
        delivery._changed.set()
        await stored(store, is_empty)
        assert list(delivery._couriers) == [theirs.id]
        await delivery.stop()


async def test_what_a_deleted_subscription_leaves_is_removed(store: Store, delivery: Delivery) -> None:
    record = await store.write(subscription)
    other = await store.write(subscription)
    await store.write(fill, record.id, *[f"key-{number}" for number in range(2_500)])
    await store.write(
        subscriptions.delete, instance_id=record.instance_id, subscription_id=record.subscription_id, now=START
    )

    def only_the_other(tx: Connection) -> bool:
        left = tx.execute(select(subscription_table.c.id)).scalars().all()
        messages = tx.execute(select(func.count()).where(outbox.c.subscription_id == record.id)).scalar_one()
        return left == [other.id] and messages == 0

    await stored(store, only_the_other)
    await delivery.check()


async def test_what_has_been_dead_for_long_is_removed(store: Store, clock: ManualClock) -> None:
    def die(tx: Connection, record: SubscriptionRecord) -> None:
        subscriptions.update(
            tx, BOX, instance_id=record.instance_id, subscription_id=record.subscription_id, active=False
        )
        fill(tx, record.id, "a", "b")
        statements.settle(
            tx, record.id, delivered=[], retries=[], deaths=[Death(1, "x")], released=["a"], now=clock.now
        )

    record = await store.write(subscription)
    await store.write(die, record)
    clock.now += LIMITS.keep_dead_ms + 1
    delivery = Delivery(store, BOX, clock, LIMITS, Alone())

    delivery.start()
    await stored(store, lambda tx: statements.dead_up_to(tx, record.id, 10) == 0)
    await delivery.stop()

    assert await store.read(waiting) == ["m2"], "only the dead are removed"


async def test_a_stop_does_not_wait_for_ever(store: Store, clock: ManualClock) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()
        left.set()

    connected, left = asyncio.Event(), asyncio.Event()
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    limits = DeliveryLimits(timeout_ms=3_600_000)
    delivery = Delivery(store, BOX, clock, limits, Alone())
    delivery.start()
    port = server.sockets[0].getsockname()[1]
    record = await store.write(subscription, target=f"http://127.0.0.1:{port}/")
    await store.write(fill, record.id, "a")
    await asyncio.wait_for(connected.wait(), 60)

    async with asyncio.timeout(60):
        await delivery.stop()
        await left.wait()

    assert await store.read(waiting) == ["m1"]
    with pytest.raises(ConnectionError):
        await delivery.check()
    server.close()


async def test_messages_for_nats_wait_until_the_server_is_told_of_it(
    store: Store, clock: ManualClock, tmp_path: Path
) -> None:
    def subscribe(tx: Connection) -> None:
        record = subscription(tx)
        subscriptions.create(
            tx, BOX, instance_id=record.instance_id, kind="nats", target="", types=["job.status"], now=START
        )
        fill(tx, record.id + 1, "a")

    await store.write(subscribe)
    alone = Delivery(store, BOX, clock, LIMITS, Alone())
    alone.start()
    await until(lambda: len(alone._couriers) == 1)
    await alone.stop()
    assert await store.read(waiting) == ["m1"]

    with NatsServer(tmp_path / "nats") as server:
        connected = Delivery(store, BOX, clock, LIMITS, Alone(), nats=server.url)
        connected.start()
        await stored(store, is_empty)
        await connected.stop()


async def test_a_database_that_is_away_does_not_end_the_delivery(
    store: Store, delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = statements.due
    failures = iter([RuntimeError("away")])

    def fail_once(*arguments: object, **named: object) -> object:
        if problem := next(failures, None):
            raise problem
        return due(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(statements, "due", fail_once)
    with Receiver() as receiver:
        record = await store.write(subscription, target=receiver.url)
        await store.write(fill, record.id, "a")

        await until(lambda: bodies(receiver) == [1])
