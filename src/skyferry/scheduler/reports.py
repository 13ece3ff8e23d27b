"""Stores device reports by group commit: one transaction for all that arrived while the one before ran, or soon after.

A transaction runs about fifteen statements however many reports it stores: for a device that updates by itself they
cost more than all else.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from skyferry import outages, tracing
from skyferry.batching import Batcher
from skyferry.bus.interface import Bus
from skyferry.bus.messages import Command, Report
from skyferry.clock import Clock
from skyferry.ota import reports
from skyferry.ota.models import EngineLimits
from skyferry.ota.offers import OfferMaker
from skyferry.scheduler import metrics
from skyferry.store.engine import Store
from skyferry.tracing import Kind

_log = structlog.get_logger()

Before = Callable[[Connection], None]
"""What is to be done in the transaction before the reports; what it raises ends the transaction."""


class ReportWriter:
    """Applies reports, and sends the answers."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, maker: OfferMaker, limits: EngineLimits) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._maker = maker
        self._limits = limits

    async def write(self, batch: Sequence[Report], before: Before | None = None) -> None:
        """Stores reports in one transaction."""
        metrics.BATCHES.observe(len(batch))
        with tracing.span("apply reports", Kind.CONSUMER) as span:
            span.note(reports=len(batch))
            outcome = await self._store.write(self._apply, batch, before)
            self._count(batch)
            await self._follow(*outcome)

    async def write_what_can_be(self, batch: Sequence[Report], before: Before) -> None:
        """Stores reports in one transaction, without those that cannot be stored: these are lost."""
        await self._follow(*await self._store.write(self._apply_singly, batch, before))

    def _count(self, batch: Sequence[Report]) -> None:
        metrics.AGE.observe(max(self._clock.now_ms() - min(report.at for report in batch), 0) / 1_000)
        for kind, number in Counter(map(type, batch)).items():
            metrics.REPORTS.labels(kind.__name__).inc(number)

    async def _follow(self, answers: Sequence[Command], push_due: bool) -> None:
        if answers:
            await self._bus.command(answers)
        if push_due:
            self._bus.wake()

    def _apply(self, tx: Connection, batch: Sequence[Report], before: Before | None) -> tuple[list[Command], bool]:
        if before is not None:
            before(tx)
        return reports.apply(tx, batch, limits=self._limits, maker=self._maker, now=self._clock.now_ms())

    def _apply_singly(self, tx: Connection, batch: Sequence[Report], before: Before) -> tuple[list[Command], bool]:
        before(tx)
        answers: list[Command] = []
        push_due = False
        for report in batch:
            try:
                with tx.begin_nested():
                    told, due = self._apply(tx, [report], None)
            except OperationalError:
                raise
            except Exception:  # noqa: BLE001 - one report that cannot be stored must not hold up the others
                metrics.LOST.inc()
                _log.exception("reports.lost", report=type(report).__name__, device=report.device_id)
            else:
                answers += told
                push_due |= due
        return answers, push_due


class ReportWorker:
    """Takes reports from the bus of a single process."""

    def __init__(self, writer: ReportWriter, *, interval_s: float = 0.0) -> None:
        """Takes nothing yet.

        Args:
            writer: stores reports.
            interval_s: seconds from one transaction to the next; what comes meanwhile shares that.
        """
        self._writer = writer
        self._batcher: Batcher[Report, None] = Batcher(self._store_batch, interval_s=interval_s)

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
            await self._writer.write(batch)
        except OperationalError as error:
            # The store fails, be it that its disk is full: the fault is in no report, and each would fail alone too.
            metrics.LOST.inc(len(batch))
            _log.error("reports.store_failed", reports=len(batch), **outages.cause(error))
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
            await self._writer.write([report])
        except Exception as error:  # noqa: BLE001 - the device is told that its report is not stored
            metrics.LOST.inc()
            _log.exception("reports.lost", report=type(report).__name__, device=report.device_id)
            return error
        return None
