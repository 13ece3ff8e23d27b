"""The courier of one subscription: takes what may go from the outbox, a bounded number of messages at a time.

Messages of one ordering key go one after the other: only the first of a key is ever under way, and its end lets the
next one go. A receipt is noted after it has come, so a server that dies in between sends the message a second time.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from skyferry.batching import Batcher
from skyferry.clock import Clock
from skyferry.delivery import metrics
from skyferry.delivery.interface import DeliveryError, Sender
from skyferry.delivery.limits import DeliveryLimits
from skyferry.store import outbox
from skyferry.store.engine import Store
from skyferry.store.outbox import Death, OutboxMessage, Retry
from skyferry.store.subscriptions import SubscriptionRecord

_log = structlog.get_logger()

_TICK_SECONDS: Final = 1.0
_LOOK_BEYOND: Final = 32
"""How many messages more than may go one look into the outbox sees, to pass by those that have to wait."""
_LONGEST_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of an attempt: no error means that the message arrived."""

    message: OutboxMessage
    error: str | None


class Courier:
    """Delivers the messages of one subscription until it is stopped."""

    def __init__(
        self, subscription: SubscriptionRecord, sender: Sender, store: Store, clock: Clock, limits: DeliveryLimits
    ) -> None:
        self.subscription = subscription
        self._sender = sender
        self._store = store
        self._clock = clock
        self._limits = limits
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._settling = Batcher(self._settle)
        # Parking a message while the one before it ends would leave it parked for ever.
        self._order = asyncio.Lock()
        self._woken = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins."""
        self._task = asyncio.create_task(self._run())

    def wake(self) -> None:
        """There may be something to deliver."""
        self._woken.set()

    async def stop(self, seconds: float) -> None:
        """Begins nothing more, and gives what is under way so many seconds to end."""
        self._stopping = True
        self._woken.set()
        if self._task is not None:
            await self._task
        if self._under_way:
            await asyncio.wait(self._under_way.values(), timeout=seconds)
        abandoned = list(self._under_way.values())
        for task in abandoned:
            task.cancel()
        await asyncio.gather(*abandoned, return_exceptions=True)
        await self._settling.drain()

    async def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            try:
                more = await self._begin()
            except Exception:  # noqa: BLE001 - a database that is away for a moment must not end the delivery
                metrics.FAILURES.inc()
                _log.exception("events.failed", subscription=self.subscription.subscription_id)
                more = False
            if not more and not self._stopping:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), _TICK_SECONDS)

    async def _begin(self) -> bool:
        """Sends what may go as far as there is room; True when there may be more to look at."""
        room = self._limits.concurrency - len(self._under_way)
        if room <= 0:
            return False
        now = self._clock.now_ms()
        async with self._order:
            first, behind = await self._store.read(
                outbox.due, self.subscription.id, now, under_way=list(self._under_way), limit=room + _LOOK_BEYOND
            )
            if behind:
                await self._store.write(outbox.park, behind)
        for message in first[:room]:
            self._under_way[message.id] = asyncio.create_task(self._deliver(message))
        return bool(behind) and len(first) < room

    async def _deliver(self, message: OutboxMessage) -> None:
        try:
            error = await self._attempt(message)
            await self._settling.submit(_Outcome(message, error))
        except Exception:  # noqa: BLE001 - logged; the message is still in the outbox and goes again
            metrics.FAILURES.inc()
            _log.exception("events.not_settled", subscription=self.subscription.subscription_id)
            await asyncio.sleep(_TICK_SECONDS)
        finally:
            del self._under_way[message.id]
            self._woken.set()

    async def _attempt(self, message: OutboxMessage) -> str | None:
        """One attempt; gives why it failed, or None when the message arrived."""
        try:
            await self._sender.send(message)
        except DeliveryError as error:
            return str(error)[:_LONGEST_ERROR]
        except Exception as error:  # noqa: BLE001 - whatever a sender stumbles over counts as an attempt
            _log.exception("events.sender_failed", subscription=self.subscription.subscription_id)
            return f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]
        return None

    async def _settle(self, outcomes: Sequence[_Outcome]) -> Sequence[None]:
        now = self._clock.now_ms()
        delivered = [item.message for item in outcomes if item.error is None]
        retries: list[Retry] = []
        deaths: list[Death] = []
        released = {message.ordering_key for message in delivered}
        for message, error in ((item.message, item.error) for item in outcomes if item.error is not None):
            failed = message.attempts + 1
            if failed < self._limits.attempts:
                retries.append(Retry(message.id, now + self._limits.wait_ms(failed), error))
            else:
                deaths.append(Death(message.id, error))
                released.add(message.ordering_key)
        async with self._order:
            await self._store.write(
                outbox.settle,
                self.subscription.id,
                delivered=[message.id for message in delivered],
                retries=retries,
                deaths=deaths,
                released=released,
                now=now,
            )
        self._count(delivered=len(delivered), retried=len(retries), dead=len(deaths))
        return [None] * len(outcomes)

    def _count(self, **outcomes: int) -> None:
        for outcome, number in outcomes.items():
            if number:
                metrics.ATTEMPTS.labels(self.subscription.kind, outcome).inc(number)
        if outcomes["dead"]:
            _log.warning("events.dead", subscription=self.subscription.subscription_id, messages=outcomes["dead"])
