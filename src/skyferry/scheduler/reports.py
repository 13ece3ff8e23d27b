"""Stores device reports by group commit: one transaction for all that arrived while the previous one ran."""

from collections.abc import Awaitable, Sequence

import structlog
from sqlalchemy.exc import OperationalError

from skyferry.batching import Batcher
from skyferry.bus.interface import Bus
from skyferry.bus.messages import Report
from skyferry.clock import Clock
from skyferry.ota import reports
from skyferry.ota.models import EngineLimits
from skyferry.ota.offers import OfferMaker
from skyferry.scheduler import metrics
from skyferry.store.engine import Store

_log = structlog.get_logger()


class ReportWorker:
    """Takes reports from the bus, applies them, and sends the answers."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, maker: OfferMaker, limits: EngineLimits) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._maker = maker
        self._limits = limits
        self._batcher: Batcher[Report, None] = Batcher(self._store_batch)

    def submit(self, report: Report) -> Awaitable[None]:
        """Queues a report; what is returned ends when the report is stored."""
        return self._batcher.submit(report)

    async def drain(self) -> None:
        """Waits until every report is stored."""
        await self._batcher.drain()

    @property
    def depth(self) -> int:
        """How many reports wait."""
        return self._batcher.depth

    async def _store_batch(self, batch: Sequence[Report]) -> Sequence[Exception | None]:
        try:
            await self._store_together(batch)
        except OperationalError as error:
            # The store fails, be it that its disk is full: the fault is in no report, and each would fail alone too.
            metrics.LOST.inc(len(batch))
            _log.error("reports.store_failed", reports=len(batch), error=str(error.orig))
            raise
        except Exception:
            if len(batch) == 1:
                metrics.LOST.inc()
                raise
            # One report that cannot be stored must not take the others with it.
            _log.exception("reports.batch_failed", reports=len(batch))
            return [await self._store_alone(report) for report in batch]
        return [None] * len(batch)

    async def _store_alone(self, report: Report) -> Exception | None:
        try:
            await self._store_together([report])
        except Exception as error:  # noqa: BLE001 - the device is told that its report is not stored
            metrics.LOST.inc()
            _log.exception("reports.lost", report=type(report).__name__, device=report.device_id)
            return error
        return None

    async def _store_together(self, batch: Sequence[Report]) -> None:
        metrics.BATCHES.observe(len(batch))
        answers, push_due = await self._store.write(
            reports.apply, batch, limits=self._limits, maker=self._maker, now=self._clock.now_ms()
        )
        if answers:
            await self._bus.command(answers)
        if push_due:
            self._bus.wake()
