"""Numbers of the delivery that an operator may change."""

import secrets
from dataclasses import dataclass
from typing import Final

_LONGEST_WAIT_MS: Final = 3_600_000
_MOST_DOUBLINGS: Final = 20


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How often, how fast and how many at once.

    Attributes:
        attempts: how often a message is tried before it is dead.
        retry_ms: milliseconds between the first attempt and the second; each further wait is twice as long, up to
            an hour.
        timeout_ms: milliseconds that the business server has for its answer.
        concurrency: messages of one subscription that are under way at once.
        keep_dead_ms: milliseconds after which a dead message is removed.
    """

    attempts: int = 15
    retry_ms: int = 2_000
    timeout_ms: int = 10_000
    concurrency: int = 16
    keep_dead_ms: int = 30 * 24 * 3_600_000

    def wait_ms(self, failed: int) -> int:
        """Milliseconds to wait after so many failed attempts.

        Half of it is fixed and half by chance: messages that failed together do not come back together.
        """
        longest = min(self.retry_ms << min(failed - 1, _MOST_DOUBLINGS), _LONGEST_WAIT_MS)
        return longest // 2 + secrets.randbelow(longest // 2 + 1)
