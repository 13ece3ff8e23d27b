"""Which devices are online: those that came by within their last intervals. Nothing is written for a single poll."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from skyferry import outages
from skyferry.bus.interface import Bus
from skyferry.bus.messages import Command, Connected, DisconnectDevice, Disconnected
from skyferry.clock import Clock
from skyferry.ddi import metrics
from skyferry.ddi.limits import DdiSettings
from skyferry.identifiers import connection_name, process_name

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Stay:
    """A device that is online.

    Attributes:
        device_id: the key of its row.
        connection_id: what stands for a connection.
        interval_s: how long it was told to wait for its next poll.
        until: when it is offline unless it comes by, in milliseconds since the Unix epoch.
        attributes_wanted: it shall report its attributes, once in a stay and again after an update.
        cancelled: the cancelled task that it is being told of.
        cancel_polls: in how many polls it was told.
        cancel_read: it has read what there is to read of it.
    """

    device_id: int
    connection_id: str
    interval_s: int
    until: int
    attributes_wanted: bool = True
    cancelled: int | None = None
    cancel_polls: int = 0
    cancel_read: bool = False


class Presence:
    """Knows the devices that are online. A restart forgets them: it marks all offline, and the next poll says more."""

    def __init__(self, bus: Bus, clock: Clock, settings: DdiSettings, process: str | None = None) -> None:
        self._bus = bus
        self._clock = clock
        self._settings = settings
        self._stays: OrderedDict[int, Stay] = OrderedDict()
        self._process = process or process_name()
        self._made = 0
        self._leaving: set[asyncio.Future[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._stays)

    def start(self) -> None:
        """Begins to watch who does not come any more."""
        self._sweeper = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends. Devices count as online until the next start, which they hardly notice."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def came(self, device_id: int, address: str) -> Stay:
        """A device came by; when it was offline, that it is online is stored when this returns.

        Raises:
            Exception: whatever kept it from being stored.
        """
        now = self._clock.now_ms()
        stay = self._stays.get(device_id)
        if stay is not None:
            self._prolong(stay, now)
            return stay
        self._made += 1
        stay = Stay(device_id, connection_name(self._process, self._made, "ddi"), self._settings.poll_s, 0)
        self._stays[device_id] = stay
        metrics.VISITORS.inc()
        self._prolong(stay, now)
        try:
            await self._bus.report(Connected(device_id, stay.connection_id, address, now))
        except BaseException:
            self._forget(stay)
            raise
        return stay

    def expect(self, stay: Stay, interval_s: int) -> None:
        """The device was told how long to wait for its next poll."""
        stay.interval_s = interval_s
        self._prolong(stay, self._clock.now_ms())

    async def on_commands(self, commands: Sequence[Command]) -> None:
        """Commands of the workers: a device that is barred or gone is not online any more."""
        for command in commands:
            if not isinstance(command, DisconnectDevice) or (stay := self._stays.get(command.device_id)) is None:
                continue
            if command.connection_id in {None, stay.connection_id}:
                self._forget(stay)
                # Not awaited: who gives the command may be the one that stores the report.
                self._report_in_background(stay)

    async def forget_all(self) -> None:
        """Takes every device for offline; the next visit of each says more."""
        stays, now = list(self._stays.values()), self._clock.now_ms()
        for stay in stays:
            self._forget(stay)
        await asyncio.gather(*(self._left(stay, now) for stay in stays))

    async def sweep(self) -> None:
        """Reports the devices that did not come any more."""
        now = self._clock.now_ms()
        over: list[Stay] = []
        # In the order of their last visits. Intervals differ by little; one that is a little over may wait for others.
        for stay in self._stays.values():
            if stay.until > now:
                break
            over.append(stay)
        for stay in over:
            self._forget(stay)
        await asyncio.gather(*(self._left(stay, now) for stay in over))

    def _prolong(self, stay: Stay, now: int) -> None:
        stay.until = now + self._settings.polls_until_offline * stay.interval_s * 1_000
        self._stays.move_to_end(stay.device_id)

    def _forget(self, stay: Stay) -> None:
        if self._stays.get(stay.device_id) is stay:
            del self._stays[stay.device_id]
            metrics.VISITORS.dec()

    def _report_in_background(self, stay: Stay) -> None:
        task = asyncio.ensure_future(self._left(stay, self._clock.now_ms()))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _left(self, stay: Stay, now: int) -> None:
        try:
            await self._bus.report(Disconnected(stay.device_id, stay.connection_id, now))
        except Exception as error:  # noqa: BLE001 - logged; the device's next visit says more
            _log.warning("departure_not_stored", device_id=stay.device_id, **outages.cause(error))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            await self.sweep()
