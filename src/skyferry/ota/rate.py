"""MaximumPerMinute: pushes of a job are spread evenly, and no 60 seconds see more than the number."""

from dataclasses import dataclass
from typing import Final

_WINDOW_MS: Final = 60_000
_BURST_MS: Final = 1_000
"""A worker that wakes late may catch up by this much."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many pushes may go out now, and when the next one may if they all do.

    Attributes:
        count: pushes that may go out now.
        interval_ms: milliseconds between two pushes.
        start_ms: from when on the pushes are counted.
    """

    count: int
    interval_ms: float
    start_ms: int

    def next_push_at(self, used: int) -> int:
        """When the job's next push may go out, after `used` of the allowed ones went out."""
        return int(self.start_ms + used * self.interval_ms) + (used > 0)


def allowance(maximum_per_minute: int, next_push_at: int, now: int) -> Allowance:
    """What a job may send now.

    Args:
        maximum_per_minute: the job's limit, at least 2.
        next_push_at: what `Allowance.next_push_at` said last; 0 for a job that has sent nothing.
        now: milliseconds since the Unix epoch.
    """
    # A window holds at most (window + burst) / interval + 1 pushes; the interval makes that the limit.
    interval_ms = (_WINDOW_MS + _BURST_MS) / (maximum_per_minute - 1)
    start_ms = max(next_push_at, now - _BURST_MS)
    count = 0 if start_ms > now else int((now - start_ms) / interval_ms) + 1
    return Allowance(count, interval_ms, start_ms)
