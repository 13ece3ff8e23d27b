"""How a gateway sends its devices away before it ends: one by one, so that they do not all come back at once."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog

_log = structlog.get_logger(__name__)

DRAINED: Final = "drained"
"""Why a connection ends of a gateway that is about to end."""
_STEP_S: Final = 0.1
"""Seconds between two looks at who goes next."""


class Leaving(Protocol):
    """A device's connection that is to be ended."""

    @property
    def is_busy(self) -> bool:
        """Whether a message at QoS 1 is without its PUBACK, in either direction."""
        ...

    def close(self, reason: str) -> None:
        """Ends the connection."""
        ...


async def drain(
    connections: Callable[[], Sequence[Leaving]],
    seconds: float,
    *,
    now: Callable[[], float],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Ends connections at an even rate, in the order in which they are given.

    One with a message at QoS 1 under way gives way to the next and goes as soon as the message is acknowledged. Those
    that never are at rest are still there when this returns. May be cancelled at any time.

    Args:
        connections: gives those that are there at a moment; they may also end by themselves meanwhile.
        seconds: how long it takes.
        now: a clock that counts seconds.
        sleep: waits for so many seconds.
    """
    total, began = len(connections()), now()
    _log.info("gateway.draining", connections=total, seconds=seconds)
    while left := connections():
        passed = now() - began
        going = len(left) - math.ceil(total * max(1 - passed / seconds, 0))
        for connection in [each for each in left if not each.is_busy][: max(going, 0)]:
            connection.close(DRAINED)
        if passed >= seconds:
            break
        await sleep(min(_STEP_S, seconds - passed))
    _log.info("gateway.drained", left=len(connections()))
