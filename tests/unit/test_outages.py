"""What the log says of outages: little."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import pytest
from structlog import DropEvent

from skyferry import outages
from skyferry.bus.stream import StreamUnavailableError
from skyferry.outages import Outages
from skyferry.store.errors import StoreUnavailableError

AWAY = StoreUnavailableError("The database does not answer.", ConnectionRefusedError("refused"))


class Log:
    """What comes out of the processor; the time is what the test says."""

    def __init__(self) -> None:
        self.now = 100.0
        self._outages = Outages(lambda: self.now)

    def say(self, name: str, **values: object) -> MutableMapping[str, Any] | None:
        try:
            return self._outages(None, "error", {"event": name, "level": "error", **values})
        except DropEvent:
            return None


@contextmanager
def handling() -> Iterator[dict[str, Any]]:
    """Says that something failed while its exception is being handled; gives what was said."""
    said: dict[str, Any] = {}
    try:
        yield said
    except RuntimeError:
        said.update(Log().say("page failed", exc_info=True) or {})
        raise


def test_an_outage_is_a_line_with_reason_and_advice_instead_of_a_stack_trace() -> None:
    assert Log().say("worker.chore_failed", chore="dispatch", exc_info=AWAY) == {
        "event": "worker.chore_failed",
        "level": "warning",
        "chore": "dispatch",
        "reason": "The database does not answer. (refused)",
        "advice": "See whether the database runs and is reached; the server goes on by itself when it is back.",
    }


def test_what_an_outage_has_caused_is_one_too_and_an_exception_is_found_that_is_being_handled() -> None:
    failure = RuntimeError("no page")
    failure.__cause__ = AWAY
    with pytest.raises(RuntimeError), handling() as said:
        raise failure
    assert (said["reason"], "exc_info" in said) == (str(AWAY), False)


def test_the_same_event_is_told_now_and_then_with_how_often_it_was_not() -> None:
    log = Log()
    assert log.say("login_not_checked", exc_info=AWAY)
    assert [log.say("login_not_checked", exc_info=AWAY) for _ in range(3)] == [None] * 3
    assert log.say("report_failed", exc_info=AWAY), "another event"
    assert log.say("report_failed", exc_info=StreamUnavailableError("Reports could not be stored.")), "another outage"
    log.now += 10
    said = log.say("login_not_checked", exc_info=AWAY)
    assert said is not None
    assert said["not_logged_before"] == 3
    log.now += 10
    said = log.say("login_not_checked", exc_info=AWAY)
    assert said is not None
    assert "not_logged_before" not in said


@pytest.mark.parametrize("values", [{}, {"exc_info": None}, {"exc_info": ValueError("a mistake")}, {"exc_info": True}])
def test_everything_else_is_left_as_it_is(values: dict[str, object]) -> None:
    log = Log()
    for _ in range(2):
        assert log.say("page failed", **values) == {"event": "page failed", "level": "error", **values}


def test_the_cause_of_what_is_no_mistake_is_told_in_a_word() -> None:
    assert outages.cause(OSError("no room")) == {"error": "OSError('no room')"}
    assert outages.cause(AWAY) == {"exc_info": AWAY}
