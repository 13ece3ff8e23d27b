"""What the log says while the database or NATS is away: of each event one line now and then, and no stack traces.

A stack trace is for what a person has to mend in the code. An outage is mended elsewhere, and a fleet that logs in
again and again would fill the log with it.
"""

import sys
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from skyferry.errors import UnavailableError

_SECONDS: Final = 10.0
"""Between two lines of the same event."""


@dataclass
class _Said:
    """An event of which something was said: when, and how often it has happened unsaid since."""

    at: float
    unsaid: int = 0


class Outages:
    """A processor of structlog: shortens and thins out what follows from an outage, and leaves the rest alone.

    It looks at the exception that an event carries (`exc_info`): an `UnavailableError`, or one that it has caused.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: clock: tells the time, in seconds."""
        self._clock = clock
        self._said: dict[tuple[str, str], _Said] = {}

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """See the class.

        Raises:
            structlog.DropEvent: the same was said a moment ago.
        """
        outage = _outage_in(_exception_of(event))
        if outage is None:
            return event
        what, now = (str(event["event"]), type(outage).__name__), self._clock()
        said = self._said.get(what)
        if said is not None and now < said.at + _SECONDS:
            said.unsaid += 1
            raise structlog.DropEvent
        self._said[what] = _Said(now)
        del event["exc_info"]
        event.update(level="warning", reason=str(outage), advice=outage.advice)
        if said is not None and said.unsaid:
            event["not_logged_before"] = said.unsaid
        return event


def cause(error: BaseException) -> dict[str, Any]:
    """What to log of an error that is no mistake in the code, an outage or not: without a stack trace either way."""
    return {"error": repr(error)} if _outage_in(error) is None else {"exc_info": error}


def _exception_of(event: MutableMapping[str, Any]) -> BaseException | None:
    given = event.get("exc_info")
    if isinstance(given, tuple):
        given = given[1]
    return given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None


def _outage_in(error: BaseException | None) -> UnavailableError | None:
    while error is not None and not isinstance(error, UnavailableError):
        error = error.__cause__
    return error
