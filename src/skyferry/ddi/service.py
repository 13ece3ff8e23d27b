"""The device API put together: what answers the devices, and what runs beside."""

import zlib
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from skyferry.bus.interface import Bus
from skyferry.clock import Clock
from skyferry.ddi.assignments import Assignments
from skyferry.ddi.authentication import Authenticator, Throttle
from skyferry.ddi.digests import Sha1Digests
from skyferry.ddi.feedback import FeedbackDesk
from skyferry.ddi.limits import DdiSettings
from skyferry.ddi.presence import Presence
from skyferry.keys import SecretBox
from skyferry.objects.interface import ObjectStore
from skyferry.store.engine import Store

SendFile = Callable[[web.Request, str, int], Awaitable[web.StreamResponse]]
"""Answers a request with the object of this key, for the task of this row."""

_SPREAD: Final = 1 << 32


class DeviceApi:
    """What the paths of the device API share.

    Attributes:
        draining: each answer ends its connection, so that a balancer sends the device's next request elsewhere.
    """

    def __init__(
        self,
        store: Store,
        box: SecretBox,
        bus: Bus,
        clock: Clock,
        objects: ObjectStore,
        *,
        throttle: Throttle,
        send_file: SendFile,
        settings: DdiSettings,
        process: str | None = None,
    ) -> None:
        self.draining = False
        self.store = store
        self.bus = bus
        self.clock = clock
        self.settings = settings
        self.send_file = send_file
        self.authenticator = Authenticator(store, box, clock, throttle, polls_per_lookup=settings.polls_per_lookup)
        self.presence = Presence(bus, clock, settings, process)
        self.assignments = Assignments(bus, clock, self.authenticator, cancel_polls=settings.cancel_polls)
        self.desk = FeedbackDesk(store, bus, clock)
        self.digests = Sha1Digests(store, objects)

    def interval_s(self, device_id: int) -> int:
        """How many seconds a device shall wait for its next poll: always the same for one device, unless much waits."""
        settings = self.settings
        own = zlib.crc32(device_id.to_bytes(8)) / _SPREAD
        intervals = min(1 + self.authenticator.depth // settings.busy_polls, settings.most_intervals)
        return round(settings.poll_s * intervals * (1 + own * settings.spread_percent / 100))
