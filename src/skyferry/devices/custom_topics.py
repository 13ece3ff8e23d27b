"""Topics that an application has invented, `/{ProductKey}/{DeviceName}/user/…`: dropped, or forwarded.

A message that is forwarded is acknowledged to the device when it was taken over, and not at all when it was not: while
nobody takes messages, devices stay connected, and what they say of their updates is stored as ever.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from skyferry.devices import metrics
from skyferry.devices.limits import ForwardLimits
from skyferry.devices.mqtt.errors import UnacknowledgedError

log = structlog.get_logger(__name__)

Forward = Callable[[str, bytes], Awaitable[None]]
"""Takes a message over: its topic and its bytes.

Raises:
    OSError: it was not taken over, as far as is known.
"""

_DROPPED: Final = metrics.CUSTOM.labels("dropped")
_FORWARDED: Final = metrics.CUSTOM.labels("forwarded")
_FAILED: Final = metrics.CUSTOM.labels("failed")
_REFUSED: Final = metrics.CUSTOM.labels("refused")


class CustomTopics:
    """Takes messages on custom topics: bounded in memory, whoever is slow."""

    def __init__(self, limits: ForwardLimits, forward: Forward | None = None) -> None:
        """Args: limits: see there; forward: where the messages go, nowhere when there is none."""
        self._limits = limits
        self._forward = forward
        self._waiting: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0
        self._away_until = 0.0

    def take(self, topic: str, payload: bytes) -> Awaitable[None] | None:
        """Takes a message; what is returned ends when it was taken over."""
        if self._forward is None:
            _DROPPED.inc()
            return None
        loop = asyncio.get_running_loop()
        full = (
            len(self._waiting) >= self._limits.messages_waiting
            or self._waiting_bytes + len(payload) > self._limits.bytes_waiting
        )
        if full or loop.time() < self._away_until:
            _REFUSED.inc()
            refused: asyncio.Future[None] = loop.create_future()
            refused.set_exception(UnacknowledgedError())
            refused.exception()  # nobody waits for it at QoS 0
            return refused
        self._waiting_bytes += len(payload)
        task = loop.create_task(self._send(self._forward, topic, payload))
        self._waiting.add(task)
        task.add_done_callback(self._settle)
        return task

    async def drain(self) -> None:
        """Waits until every message was taken over or has failed to be."""
        while self._waiting:
            await asyncio.wait(self._waiting)

    async def _send(self, forward: Forward, topic: str, payload: bytes) -> None:
        try:
            await forward(topic, payload)
        except OSError as error:
            self._pause(error)
            raise UnacknowledgedError from None
        finally:
            self._waiting_bytes -= len(payload)
        _FORWARDED.inc()

    def _pause(self, error: OSError) -> None:
        """Refuses messages at once for a while: each that waits keeps the PUBACKs behind it waiting."""
        _FAILED.inc()
        now = asyncio.get_running_loop().time()
        if now >= self._away_until:
            self._away_until = now + self._limits.pause_s
            log.warning("forward_failed", error=str(error), pause_s=self._limits.pause_s)

    def _settle(self, task: asyncio.Task[None]) -> None:
        self._waiting.discard(task)
        if not task.cancelled():
            task.exception()
