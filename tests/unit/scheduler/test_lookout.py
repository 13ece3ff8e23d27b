"""What the worker's one question sees: all that a chore would find, and nothing where none would."""

from collections.abc import Callable

import pytest
from sqlalchemy import Connection

from skyferry.fleet import registrations
from skyferry.ota import deletion, rollout
from skyferry.ota.states import TaskEvent, TaskStatus
from skyferry.scheduler.chores import when
from skyferry.scheduler.lookout import Lookout
from skyferry.store import disconnections, lookout, tuf
from skyferry.store.engine import Store
from skyferry.store.lookout import Waiting
from skyferry.store.tables import tuf_repositories
from tests.support.clock import ManualClock
from tests.support.rows import START, World, world

MINUTE = 60_000


def plan(told: World) -> None:
    told.make_device("dev0")
    told.make_static(told.make_package(), schedule_at=START + 5 * MINUTE)
    told.now = START + 5 * MINUTE


def finish(told: World) -> None:
    told.set_job(told.make_dynamic(told.make_package()), finish_at=START)
    while told.select_portion():
        pass


def steer(told: World) -> None:
    told.set_job(told.make_dynamic(told.make_package()), controls={"halt_failure_count": 1}, select_up_to=0)


def stop(told: World) -> None:
    job = told.make_dynamic(told.make_package())
    told.set_job(job, ending_states=[TaskStatus.QUEUED], ending_event=TaskEvent.CANCEL_OPEN.name, select_up_to=0)


def select(told: World) -> None:
    told.in_portions_of(1)
    for number in range(2):
        told.make_device(f"dev{number}")
    told.make_job(told.make_package())


def register(told: World) -> None:
    registrations.start(told.tx, told.product, 3, now=told.now)


def overdue(told: World) -> None:
    device = told.make_device("dev1")
    told.make_job(told.make_package("4.0.0"), ["dev1"], timeout_minutes=1)
    told.say_progress(device, 10)
    told.now += 2 * MINUTE


def disconnect(told: World) -> None:
    disconnections.ask(told.tx, told.make_device("dev0").id)


def sign(told: World) -> None:
    tuf.insert_repository(told.tx, told.product.id)
    told.tx.execute(tuf_repositories.update().values(due_at=START))


def delete_package(told: World) -> None:
    deletion.delete_package(told.tx, told.instance.id, told.make_package(), now=told.now)


def delete_product(told: World) -> None:
    deletion.delete_product(told.tx, told.instance.id, told.product.product_key, now=told.now)


@pytest.mark.parametrize(
    ("make", "seen"),
    [
        (plan, Waiting(planned=True)),
        (finish, Waiting(finishing=True)),
        (steer, Waiting(steered=True)),
        (stop, Waiting(stopping=True)),
        (select, Waiting(selecting=True)),
        (register, Waiting(registering=True)),
        (overdue, Waiting(overdue=True)),
        (disconnect, Waiting(disconnecting=True)),
        (sign, Waiting(unsigned=True)),
        (delete_package, Waiting(deleted=True)),
        (delete_product, Waiting(deleted=True)),
    ],
)
def test_what_a_chore_has_to_do_is_seen_and_nothing_else(make: Callable[[World], None], seen: Waiting) -> None:
    with world() as told:
        make(told)
        assert lookout.look(told.tx, told.now) == seen


def test_what_is_for_later_or_has_been_done_is_not_seen() -> None:
    with world() as told:
        plan(told)
        overdue(told)
        sign(told)
        paused = told.make_dynamic(told.make_package("3.0.0"))
        told.set_job(paused, controls={"halt_failure_count": 1}, select_up_to=0)
        rollout.pause(told.tx, told.job(paused), "", told.now)
        assert lookout.look(told.tx, START - 1) == Waiting()


def make_job(tx: Connection) -> None:
    told = World(tx)
    told.connect(told.make_device("dev0"))
    told.make_job(told.make_package(), ["dev0"])


async def test_a_chore_is_left_alone_until_a_look_has_seen_something_for_it(store: Store) -> None:
    clock, done = ManualClock(), []

    async def chore() -> bool:
        done.append(clock.now)
        return True

    look = Lookout(store, clock)
    push = when(lambda seen: seen.push_is_due, look, chore)
    await look.look()
    assert not await push()
    assert (look.push_at, look.acted) == (None, False)

    await store.write(make_job)
    assert not await push(), "nothing is seen between two looks"
    clock.now -= 1
    await look.look()
    assert not await push()
    assert (look.push_at, look.acted) == (START, False)
    clock.now += 1
    await look.look()
    assert await push()
    assert (done, look.acted) == ([START], True)
    await look.look()
    assert not look.acted


async def test_where_the_database_is_away_nothing_is_seen(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    look = Lookout(store, ManualClock())
    await store.write(make_job)
    await look.look()
    assert look.push_is_due

    def away(_tx: Connection, _now: int) -> Waiting:
        raise OSError("away")

    monkeypatch.setattr(lookout, "look", away)
    with pytest.raises(OSError, match="away"):
        await look.look()
    assert (look.waiting, look.push_is_due) == (Waiting(), False)
