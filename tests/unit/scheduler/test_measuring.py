"""What waits for business servers is told to Prometheus."""

from prometheus_client import REGISTRY
from sqlalchemy import Connection, update

from skyferry.scheduler.measuring import measuring
from skyferry.store.engine import Store
from skyferry.store.tables import outbox
from tests.support.clock import ManualClock
from tests.support.outbox import fill, subscription


def told() -> list[float | None]:
    return [REGISTRY.get_sample_value(f"skyferry_events_{name}") for name in ("waiting", "dead", "oldest_seconds")]


async def test_messages_that_wait_and_those_that_were_given_up_are_told_with_the_age_of_the_oldest(
    store: Store,
) -> None:
    clock = ManualClock()
    measure = measuring(store, clock)
    await measure()
    assert told() == [0, 0, 0]

    def give_up_one(tx: Connection) -> None:
        fill(tx, subscription(tx).id, "a", "b", "c", now=clock.now)
        tx.execute(update(outbox).where(outbox.c.ordering_key == "b").values(dead_at=clock.now, due_at=None))

    await store.write(give_up_one)
    await measure()
    assert told() == [0, 0, 0], "it looks every few seconds only"
    clock.now += 30_000
    await measure()
    assert told() == [2, 1, 30]
