"""A number of bytes per second, shared by those who send."""

import asyncio
from typing import Final

_BURST_SECONDS: Final = 0.1
"""What was not used in this time may be sent at once."""
_LEAST: Final = 1 << 10
"""The smallest portion, in bytes: below that the headers of packets cost more than what is in them."""


class Pace:
    """Gives out a rate in portions, first come, first served.

    A portion is what one second has for each of those who share the rate, so nobody waits much longer than a second for
    the next one; the C SDK gives up after five.
    """

    def __init__(self, bytes_per_second: int) -> None:
        self._rate = bytes_per_second
        self._free_at = 0.0

    async def take(self, most: int, *, sharers: int) -> int:
        """Waits for a portion and returns its size in bytes.

        Args:
            most: the largest portion of use.
            sharers: how many share the rate right now.
        """
        portion = min(most, max(self._rate // max(sharers, 1), _LEAST))
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now - _BURST_SECONDS) + portion / self._rate
        if self._free_at > now:
            await asyncio.sleep(self._free_at - now)
        return portion
