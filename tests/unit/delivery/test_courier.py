"""A courier: order, retries, how much is under way, and what a failure of the store does."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import Connection, select

from skyferry.clock import SystemClock
from skyferry.delivery.courier import Courier
from skyferry.delivery.interface import DeliveryError
from skyferry.delivery.limits import DeliveryLimits
from skyferry.store import outbox as statements
from skyferry.store.engine import Store
from skyferry.store.outbox import OutboxMessage
from skyferry.store.subscriptions import SubscriptionRecord
from skyferry.store.tables import outbox
from tests.support.outbox import fill, is_empty, subscription, waiting
from tests.unit.delivery.waiting import stored, until

LIMITS = DeliveryLimits(attempts=3, retry_ms=20, concurrency=4)


class Business:
    """A business server in this process: notes what comes and what it says to it."""

    def __init__(self) -> None:
        self.got: list[str] = []
        self.refused: list[str] = []
        self.refuses: Callable[[OutboxMessage], str | None] = lambda _message: None
        self.open = asyncio.Event()
        self.open.set()
        self.under_way: list[str] = []
        self.most = 0

    async def send(self, message: OutboxMessage) -> None:
        assert message.ordering_key not in self.under_way, "two messages of a key at once"
        self.under_way.append(message.ordering_key)
        self.most = max(self.most, len(self.under_way))
        try:
            await asyncio.sleep(0)
            await self.open.wait()
            if reason := self.refuses(message):
                self.refused.append(message.message_id)
                raise DeliveryError(reason)
            self.got.append(message.message_id)
        finally:
            self.under_way.remove(message.ordering_key)


@pytest.fixture
async def record(store: Store) -> SubscriptionRecord:
    return await store.write(subscription)


@pytest.fixture
def business() -> Business:
    return Business()


@pytest.fixture
async def courier(store: Store, record: SubscriptionRecord, business: Business) -> AsyncIterator[Courier]:
    made = Courier(record, business, store, SystemClock(), LIMITS)
    store.listen(statements.FILLED, lambda _: made.wake())
    yield made
    business.open.set()
    await made.stop(30)


def errors(tx: Connection) -> list[tuple[str, int, str | None]]:
    return list(tx.execute(select(outbox.c.message_id, outbox.c.attempts, outbox.c.last_error)).all())


async def test_messages_of_a_key_arrive_in_their_order(
    store: Store, record: SubscriptionRecord, courier: Courier, business: Business
) -> None:
    keys = [f"key-{number % 7}" for number in range(300)]
    await store.write(fill, record.id, *keys)

    courier.start()
    await stored(store, is_empty)

    assert sorted(business.got, key=lambda name: int(name[1:])) == [f"m{number}" for number in range(1, 301)]
    for key in set(keys):
        numbers = [int(name[1:]) for name in business.got if keys[int(name[1:]) - 1] == key]
        assert numbers == sorted(numbers)
    assert business.most <= 4


async def test_a_message_that_is_written_wakes_the_courier(
    store: Store, record: SubscriptionRecord, courier: Courier, business: Business
) -> None:
    courier.start()
    for number in range(20):
        await store.write(fill, record.id, "a")
        await until(lambda number=number: len(business.got) == number + 1)  # type: ignore[misc]


async def test_no_more_than_the_limit_is_under_way(
    store: Store, record: SubscriptionRecord, courier: Courier, business: Business
) -> None:
    business.open.clear()
    await store.write(fill, record.id, *"abcdefgh")
    courier.start()

    await until(lambda: len(business.under_way) == 4)
    for _ in range(5):
        courier.wake()
        await asyncio.sleep(0.01)

    assert len(business.under_way) == 4
    business.open.set()
    await stored(store, is_empty)


async def test_a_key_that_waits_leaves_the_places_to_others(
    store: Store, record: SubscriptionRecord, courier: Courier, business: Business
) -> None:
    """A device with a thousand messages in front, the first of which is refused."""
    business.refuses = lambda message: "no" if message.ordering_key == "stuck" else None
    await store.write(fill, record.id, *["stuck"] * 200, "a", "b")

    courier.start()
    await until(lambda: {"m201", "m202"} <= set(business.got))

    assert set(business.got) == {"m201", "m202"}


async def test_a_refused_message_is_tried_again_and_then_dies(
    store: Store, record: SubscriptionRecord, courier: Courier, business: Business
) -> None:
    business.refuses = lambda message: "HTTP 500" if message.message_id == "m1" else None
    await store.write(fill, record.id, "a", "a", "b")

    courier.start()
    await stored(store, is_empty)

    assert business.refused == ["m1"] * 3
    assert business.got == ["m3", "m2"]
    assert await store.read(errors) == [("m1", 3, "HTTP 500")]


async def test_a_message_that_arrives_at_last_lets_the_next_one_go(
    store: Store, record: SubscriptionRecord, courier: Courier, business: Business
) -> None:
    refusals = iter(["HTTP 500", "HTTP 500"])
    business.refuses = lambda _message: next(refusals, None)
    await store.write(fill, record.id, "a", "a")

    courier.start()
    await stored(store, is_empty)

    assert (business.refused, business.got) == (["m1", "m1"], ["m1", "m2"])


async def test_whatever_a_sender_stumbles_over_is_an_attempt(
    store: Store, record: SubscriptionRecord, courier: Courier, business: Business
) -> None:
    def stumble(_message: OutboxMessage) -> str | None:
        raise LookupError("what is that?")

    business.refuses = stumble
    await store.write(fill, record.id, "a")

    courier.start()
    await stored(store, is_empty)

    assert await store.read(errors) == [("m1", 3, "LookupError: what is that?")]


async def test_what_is_under_way_at_the_end_goes_again(
    store: Store, record: SubscriptionRecord, business: Business
) -> None:
    business.open.clear()
    await store.write(fill, record.id, "a", "b")
    first = Courier(record, business, store, SystemClock(), LIMITS)
    first.start()
    await until(lambda: len(business.under_way) == 2)
    await first.stop(0.01)
    assert (business.under_way, await store.read(waiting)) == ([], ["m1", "m2"])

    business.open.set()
    second = Courier(record, business, store, SystemClock(), LIMITS)
    second.start()
    await stored(store, is_empty)
    await second.stop(30)

    assert sorted(business.got) == ["m1", "m2"]


async def test_a_stop_waits_for_what_is_under_way(store: Store, record: SubscriptionRecord, business: Business) -> None:
    business.open.clear()
    await store.write(fill, record.id, "a", "a")
    courier = Courier(record, business, store, SystemClock(), LIMITS)
    courier.start()
    await until(lambda: len(business.under_way) == 1)

    stopping = asyncio.create_task(courier.stop(30))
    await asyncio.sleep(0.01)
    business.open.set()
    await stopping

    assert (business.got, await store.read(waiting)) == (["m1"], ["m2"])


async def test_a_receipt_that_cannot_be_noted_means_a_second_delivery(
    store: Store,
    record: SubscriptionRecord,
    courier: Courier,
    business: Business,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At least once: the message goes again with the same MessageId."""
    settle = statements.settle
    failures = iter([RuntimeError("the disk is full")])

    def fail_once(*arguments: object, **named: object) -> None:
        if problem := next(failures, None):
            raise problem
        settle(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(statements, "settle", fail_once)
    await store.write(fill, record.id, "a")

    courier.start()
    await stored(store, is_empty)

    assert business.got == ["m1", "m1"]
