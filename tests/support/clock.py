"""A clock that stands still until a test moves it."""

from tests.support.rows import START


class ManualClock:
    """The time is `now`, in milliseconds since the Unix epoch."""

    def __init__(self) -> None:
        self.now = START

    def now_ms(self) -> int:
        """See `skyferry.clock.Clock`."""
        return self.now
