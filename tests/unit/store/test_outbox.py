"""The outbox: which messages may go, and what the end of one does for the others."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from skyferry.store import outbox
from skyferry.store.outbox import Backlog, Death, Retry
from tests.support.databases import scratch
from tests.support.outbox import fill, subscription, waiting
from tests.support.rows import START

LATER = START + 10


@pytest.fixture
def tx() -> Iterator[Connection]:
    with scratch() as made:
        yield made


@pytest.fixture
def key(tx: Connection) -> int:
    return subscription(tx).id


def due(tx: Connection, key: int, now: int = START, under_way: tuple[int, ...] = ()) -> tuple[list[int], list[int]]:
    """The keys of the messages that may go, and of those that have to wait."""
    first, behind = outbox.due(tx, key, now, under_way=under_way, limit=100)
    return [message.id for message in first], behind


def settle(
    tx: Connection,
    key: int,
    *released: str,
    delivered: tuple[int, ...] = (),
    retries: tuple[Retry, ...] = (),
    deaths: tuple[Death, ...] = (),
) -> None:
    outbox.settle(tx, key, delivered=delivered, retries=retries, deaths=deaths, released=released, now=LATER)


def test_the_first_of_each_key_may_go(tx: Connection, key: int) -> None:
    fill(tx, key, "a", "a", "b", "a")

    assert due(tx, key) == ([1, 3], [2, 4])


def test_what_is_under_way_still_holds_up_what_is_behind_it(tx: Connection, key: int) -> None:
    fill(tx, key, "a", "a", "b")

    assert due(tx, key, under_way=(1,)) == ([3], [2])


def test_a_message_of_another_subscription_holds_up_nothing(tx: Connection, key: int) -> None:
    other = subscription(tx).id
    fill(tx, other, "a")
    fill(tx, key, "a")

    assert due(tx, key) == ([2], [])


def test_parked_messages_are_passed_by_until_the_one_before_them_has_arrived(tx: Connection, key: int) -> None:
    fill(tx, key, "a", "a", "a")
    outbox.park(tx, [2, 3])
    assert due(tx, key) == ([1], [])

    settle(tx, key, "a", delivered=(1,))

    assert due(tx, key) == ([], [])
    assert due(tx, key, LATER) == ([2], [])
    assert waiting(tx) == ["m2", "m3"]


def test_a_message_is_not_parked_when_the_one_before_it_has_arrived_meanwhile(tx: Connection, key: int) -> None:
    fill(tx, key, "a", "a")
    settle(tx, key, "a", delivered=(1,))

    outbox.park(tx, [2])

    assert due(tx, key) == ([2], [])


def test_a_retry_waits_for_its_time_and_holds_up_what_is_behind_it(tx: Connection, key: int) -> None:
    fill(tx, key, "a", "a")

    settle(tx, key, retries=(Retry(1, LATER + 5, "HTTP 500"),))

    assert due(tx, key, LATER) == ([], [2])
    first, _ = outbox.due(tx, key, LATER + 5, under_way=(), limit=100)
    assert [(message.id, message.attempts) for message in first] == [(1, 1)]


def test_a_death_lets_the_next_one_go(tx: Connection, key: int) -> None:
    fill(tx, key, "a", "a")
    outbox.park(tx, [2])

    settle(tx, key, "a", deaths=(Death(1, "HTTP 500"),))

    assert due(tx, key, LATER) == ([2], [])
    [dead] = outbox.page_of_dead(tx, key, offset=0, limit=10)
    assert (dead.message_id, dead.attempts, dead.last_error, dead.dead_at) == ("m1", 1, "HTTP 500", LATER)


def test_a_dead_message_goes_again_as_if_for_the_first_time(tx: Connection, key: int) -> None:
    fill(tx, key, "a", "b", "c")
    settle(tx, key, deaths=(Death(1, "x"), Death(2, "x"), Death(3, "x")))

    assert outbox.revive(tx, key, ["m2"], now=LATER, limit=100) == 1
    assert outbox.revive(tx, key, None, now=LATER, limit=1) == 1
    assert outbox.revive(tx, key, ["m2", "m9"], now=LATER, limit=100) == 0

    first, _ = outbox.due(tx, key, LATER, under_way=(), limit=100)
    assert [(message.message_id, message.attempts) for message in first] == [("m1", 0), ("m2", 0)]


def test_messages_are_counted_no_further_than_asked(tx: Connection, key: int) -> None:
    fill(tx, key, *"abcde")
    settle(tx, key, deaths=(Death(1, "x"), Death(2, "x")))

    assert (outbox.backlog(tx, key, 10).waiting, outbox.backlog(tx, key, 2).waiting) == (3, 2)
    assert (outbox.dead_up_to(tx, key, 10), outbox.dead_up_to(tx, key, 1)) == (2, 1)


def test_a_backlog_tells_its_age_and_why_a_message_is_tried_again(tx: Connection, key: int) -> None:
    assert outbox.backlog(tx, key, 10) == Backlog(0, None, None)
    fill(tx, key, "a", "b", now=START + 5)
    fill(tx, key, "b")
    assert outbox.backlog(tx, key, 10) == Backlog(3, START, None)
    settle(tx, key, retries=(Retry(2, LATER, "HTTP 503"),))
    assert outbox.backlog(tx, key, 10) == Backlog(3, START, "HTTP 503")

    settle(tx, key, deaths=(Death(2, "HTTP 500"),))
    assert outbox.backlog(tx, key, 10).last_error is None
    outbox.revive(tx, key, None, now=LATER, limit=1)
    assert outbox.backlog(tx, key, 10).last_error is None, "it has not failed again yet"


def test_what_has_been_dead_for_long_is_removed(tx: Connection, key: int) -> None:
    fill(tx, key, *"abc")
    settle(tx, key, deaths=(Death(1, "x"), Death(2, "x")))

    assert outbox.remove_dead(tx, key, before=LATER, limit=10) == 0
    assert outbox.remove_dead(tx, key, before=LATER + 1, limit=1) == 1
    assert outbox.remove_dead(tx, key, before=LATER + 1, limit=10) == 1
    assert waiting(tx) == ["m3"]


def test_a_subscription_is_emptied_in_portions(tx: Connection, key: int) -> None:
    fill(tx, key, *"abc")
    settle(tx, key, deaths=(Death(1, "x"),))

    assert [outbox.remove_of(tx, key, 1) for _ in range(3)] == [2, 1, 0]


def test_a_key_is_never_used_again(tx: Connection, key: int) -> None:
    """What ends is named by its key after the delivery: another message must not have got it."""
    fill(tx, key, "a")
    settle(tx, key, "a", delivered=(1,))

    fill(tx, key, "a")

    assert due(tx, key) == ([2], [])
