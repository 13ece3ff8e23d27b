"""The delivery: a courier for each active subscription, so that a slow business server holds up no other one."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog
from aiohttp import ClientSession

from skyferry.clock import Clock
from skyferry.cluster.claims import Claims
from skyferry.delivery import metrics
from skyferry.delivery.courier import Courier
from skyferry.delivery.interface import Sender
from skyferry.delivery.limits import DeliveryLimits
from skyferry.delivery.nats import NatsConnection, NatsSender
from skyferry.delivery.webhooks import WebhookSender, open_session
from skyferry.events import subscriptions
from skyferry.events.models import Kind
from skyferry.keys import SecretBox
from skyferry.store import outbox
from skyferry.store import subscriptions as statements
from skyferry.store.engine import Store
from skyferry.store.subscriptions import SubscriptionRecord

_log = structlog.get_logger()

_TICK_SECONDS: Final = 2.0
"""Other processes change subscriptions too: `skyferry events`."""
_CLEANING_MS: Final = 60_000
_CLEANING: Final = "cleaning:events"
_REMOVED_AT_ONCE: Final = 1_000
_STOP_SECONDS: Final = 3.0


class Delivery:
    """Keeps a courier for every active subscription that it may deliver, and removes what nobody waits for any more.

    When a subscription goes over to another process, what is under way at that moment may arrive twice.
    """

    def __init__(
        self,
        store: Store,
        box: SecretBox,
        clock: Clock,
        limits: DeliveryLimits,
        claims: Claims,
        *,
        nats: str | None = None,
    ) -> None:
        """Begins nothing yet.

        Args:
            store: where the outbox is.
            box: opens the secrets.
            clock: tells the time.
            limits: how often, how fast and how many at once.
            claims: which subscriptions are this process's to deliver.
            nats: the URL of NATS; without it subscriptions of that kind wait.
        """
        self._store = store
        self._box = box
        self._clock = clock
        self._limits = limits
        self._claims = claims
        self._nats = NatsConnection(nats, limits.timeout_ms) if nats else None
        self._couriers: dict[int, Courier] = {}
        self._clean_at = 0
        self._changed = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        store.listen(outbox.FILLED, lambda _: self._wake_couriers())
        store.listen(statements.CHANGED, lambda _: self._changed.set())

    def start(self) -> None:
        """Begins."""
        self._session = open_session(self._limits.timeout_ms)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends in a few seconds. What is under way by then goes again at the next start."""
        self._stopping = True
        self._changed.set()
        if self._task is None:
            return
        await self._task
        await asyncio.gather(*(courier.stop(_STOP_SECONDS) for courier in self._couriers.values()))
        if self._nats:
            await self._nats.close()
        await self._session.close()

    async def check(self) -> None:
        """Returns while the delivery runs.

        Raises:
            ConnectionError: it has ended.
        """
        if self._task is None or self._task.done():
            raise ConnectionError("The delivery of messages has stopped.")

    def _wake_couriers(self) -> None:
        for courier in self._couriers.values():
            courier.wake()

    async def _run(self) -> None:
        while not self._stopping:
            self._changed.clear()
            try:
                active, deleted = await self._store.read(subscriptions.active)
                await self._follow(await self._claimed(active))
                if await self._claims.hold([_CLEANING]):
                    await self._clean(deleted=deleted)
            except Exception:  # noqa: BLE001 - a database that is away for a moment must not end the delivery
                metrics.FAILURES.inc()
                _log.exception("events.failed")
            if not self._stopping:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), _TICK_SECONDS)

    async def _claimed(self, active: Sequence[SubscriptionRecord]) -> Mapping[int, SubscriptionRecord]:
        """The active subscriptions that this process delivers, by key."""
        named = {f"courier:{item.id}": item for item in active}
        held = await self._claims.hold(named)
        return {item.id: item for name, item in named.items() if name in held}

    async def _follow(self, active: Mapping[int, SubscriptionRecord]) -> None:
        """Ends the couriers of subscriptions that have changed or gone, and starts those that are missing."""
        outdated = {key: courier for key, courier in self._couriers.items() if courier.subscription != active.get(key)}
        await asyncio.gather(*(courier.stop(self._limits.timeout_ms / 1_000) for courier in outdated.values()))
        for key in outdated:
            del self._couriers[key]
        for key in active.keys() - self._couriers.keys():
            sender = self._sender(self._session, active[key])
            if sender is not None:
                self._couriers[key] = Courier(active[key], sender, self._store, self._clock, self._limits)
                self._couriers[key].start()

    def _sender(self, session: ClientSession, subscription: SubscriptionRecord) -> Sender | None:
        if subscription.kind == Kind.NATS:
            return NatsSender(self._nats, subscription.target) if self._nats else None
        if subscription.secret_sealed is None:
            return None
        secret = self._box.open(subscription.secret_sealed)
        return WebhookSender(session, subscription.target, secret, self._clock)

    async def _clean(self, *, deleted: bool) -> None:
        """Removes portions of what deleted subscriptions left behind, and what has been dead for long."""
        while deleted and not self._stopping and await self._store.write(subscriptions.remove_some, _REMOVED_AT_ONCE):
            pass
        now = self._clock.now_ms()
        if now >= self._clean_at:
            for key in await self._store.read(statements.keys):
                await self._remove_dead(key, now - self._limits.keep_dead_ms)
            self._clean_at = now + _CLEANING_MS

    async def _remove_dead(self, key: int, before: int) -> None:
        removed = _REMOVED_AT_ONCE
        while removed == _REMOVED_AT_ONCE and not self._stopping:
            removed = await self._store.write(outbox.remove_dead, key, before=before, limit=_REMOVED_AT_ONCE)
