"""The gateway's end of the bus: every report goes through here, so that none is lost without a trace."""

import asyncio

import structlog

from skyferry.bus.interface import Bus
from skyferry.bus.messages import Report

log = structlog.get_logger(__name__)


class Reports:
    """Hands reports to the bus in the order of the calls and knows which are not stored yet."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._unsettled: set[asyncio.Future[None]] = set()

    def send(self, report: Report) -> asyncio.Future[None]:
        """Hands over a report. The future ends when it is stored; it need not be awaited: failures are logged here."""
        try:
            stored: asyncio.Future[None] = asyncio.ensure_future(self._bus.report(report))
        except ConnectionError as error:
            stored = asyncio.get_running_loop().create_future()
            stored.set_exception(error)
        self._unsettled.add(stored)
        stored.add_done_callback(self._settle)
        return stored

    async def drain(self) -> None:
        """Waits until every report is stored or has failed."""
        while self._unsettled:
            await asyncio.wait(self._unsettled)

    def _settle(self, stored: asyncio.Future[None]) -> None:
        self._unsettled.discard(stored)
        if not stored.cancelled() and (error := stored.exception()) is not None:
            log.warning("report_failed", error=repr(error))
