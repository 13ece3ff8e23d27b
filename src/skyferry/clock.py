"""Time, injected so that tests and the scheduler decide what now is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time in milliseconds since the Unix epoch."""

    def now_ms(self) -> int:
        """The time now, in milliseconds since the Unix epoch."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """The time now, in milliseconds since the Unix epoch."""
        return time.time_ns() // 1_000_000


def moment(ms: int) -> datetime:
    """The moment of so many milliseconds since the Unix epoch, in UTC."""
    return datetime.fromtimestamp(ms / 1_000, UTC)
