"""The gateway's end of the bus: every report goes through here, so that none is lost without a trace."""

import asyncio
from collections.abc import Callable

import structlog

from skyferry import outages
from skyferry.bus.interface import Bus
from skyferry.bus.messages import Connected, Disconnected, Report

log = structlog.get_logger(__name__)


class Reports:
    """Hands reports to the bus in the order of the calls and knows which are not stored yet.

    What cannot be stored a device has to say again. Only the end of a connection nobody says a second time: it is kept
    here, one for each device, and told again until it is stored or the device is known to be back.
    """

    def __init__(self, bus: Bus, not_stored: Callable[[Report], None], *, retold_s: float) -> None:
        """Prepares the end of the bus.

        Args:
            bus: takes the reports.
            not_stored: called with each report that could not be stored, but for ends of connections.
            retold_s: seconds until an end that could not be stored is told again.
        """
        self._bus = bus
        self._not_stored = not_stored
        self._retold_s = retold_s
        self._unsettled: dict[asyncio.Future[None], Report] = {}
        self._ends: dict[int, Disconnected] = {}
        self._retelling: asyncio.TimerHandle | None = None

    def send(self, report: Report) -> asyncio.Future[None]:
        """Hands over a report. The future ends when it is stored; it need not be awaited: failures are dealt with."""
        try:
            stored: asyncio.Future[None] = asyncio.ensure_future(self._bus.report(report))
        except ConnectionError as error:
            stored = asyncio.get_running_loop().create_future()
            stored.set_exception(error)
        self._unsettled[stored] = report
        stored.add_done_callback(self._settle)
        return stored

    async def drain(self) -> None:
        """Waits until every report is stored or has failed; a start takes all devices for disconnected anyway."""
        while self._unsettled:
            await asyncio.wait(self._unsettled)
        if self._retelling is not None:
            self._retelling.cancel()

    def _settle(self, stored: asyncio.Future[None]) -> None:
        report = self._unsettled.pop(stored)
        if stored.cancelled():
            return
        error = stored.exception()
        if error is None:
            if self._ends and isinstance(report, Connected):
                self._ends.pop(report.device_id, None)
            return
        log.warning("report_failed", **outages.cause(error))
        if isinstance(report, Disconnected):
            # An older one is of a connection that was stored, which is not known of this one.
            self._ends.setdefault(report.device_id, report)
            if self._retelling is None:
                self._retelling = asyncio.get_running_loop().call_later(self._retold_s, self._retell)
        else:
            self._not_stored(report)

    def _retell(self) -> None:
        self._retelling = None
        ends, self._ends = self._ends, {}
        for end in ends.values():
            self.send(end)
