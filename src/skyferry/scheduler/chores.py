"""What the worker does without being asked: each chore does a bounded portion and says whether there is more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from skyferry.bus.interface import Bus
from skyferry.clock import Clock
from skyferry.fleet import devices
from skyferry.keys import SecretBox
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import deadlines, dispatch, selection
from skyferry.ota.models import EngineLimits
from skyferry.store.engine import Store

_PUSHES_AT_ONCE = 1_000
_DEVICES_AT_ONCE = 500
_OVERDUE_AT_ONCE = 500

Chore = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Chores:
    """The chores and what they work with."""

    store: Store
    bus: Bus
    clock: Clock
    box: SecretBox
    urls: DownloadUrls
    limits: EngineLimits

    async def dispatch(self) -> bool:
        """Sends pushes that are due."""
        claimed = await self.store.write(dispatch.claim_due, self.urls, self.clock.now_ms(), _PUSHES_AT_ONCE)
        if claimed:
            await self.bus.command(claimed)
        return bool(claimed)

    async def select(self) -> bool:
        """Turns the next devices of a job into tasks."""
        return await self.store.write(selection.select_next, self.limits, self.clock.now_ms())

    async def register(self) -> bool:
        """Makes the next devices of a registration by the thousand."""
        return await self.store.write(
            devices.continue_batch, box=self.box, now=self.clock.now_ms(), most=_DEVICES_AT_ONCE
        )

    async def end_overdue(self) -> bool:
        """Fails tasks whose time is over."""
        ended = await self.store.write(deadlines.end_overdue, self.clock.now_ms(), _OVERDUE_AT_ONCE)
        return ended == _OVERDUE_AT_ONCE
