"""Stores device reports by group commit: one transaction for all that arrived while the previous one ran."""

from collections.abc import Awaitable, Sequence

import structlog

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

    async def _store_batch(self, batch: Sequence[Report]) -> Sequence[None]:
        try:
            await self._store_together(batch)
        except Exception:
            if len(batch) == 1:
                raise
            # One report that cannot be stored must not take the others with it.
            _log.exception("reports.batch_failed", reports=len(batch))
            await self._store_one_by_one(batch)
        return [None] * len(batch)

    async def _store_one_by_one(self, batch: Sequence[Report]) -> None:
        for report in batch:
            try:
                await self._store_together([report])
            except Exception:  # noqa: BLE001 - logged; the other reports go on
                metrics.LOST.inc()
                _log.exception("reports.lost", report=type(report).__name__, device=report.device_id)

    async def _store_together(self, batch: Sequence[Report]) -> None:
        metrics.BATCHES.observe(len(batch))
        answers, push_due = await self._store.write(
            reports.apply, batch, limits=self._limits, maker=self._maker, now=self._clock.now_ms()
        )
        if answers:
            await self._bus.command(answers)
        if push_due:
            self._bus.wake()
