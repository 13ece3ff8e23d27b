"""The role `worker`: stores what devices report, and does what happens by itself."""

from collections.abc import Mapping

from skyferry import configuration
from skyferry.bus.nats import WAKE, NatsBus
from skyferry.cluster.membership import Membership
from skyferry.delivery.service import Delivery
from skyferry.monitoring import Check
from skyferry.roles.foundation import Foundation
from skyferry.scheduler.archiving import Archiving
from skyferry.scheduler.chores import Chores, every, shared
from skyferry.scheduler.departures import Departures
from skyferry.scheduler.lookout import Lookout
from skyferry.scheduler.measuring import measuring
from skyferry.scheduler.parts import PartsWorker
from skyferry.scheduler.reports import ReportWorker, ReportWriter
from skyferry.scheduler.runner import Runner
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.repository import Repositories

_BURY_SECONDS = 5


class WorkerRole:
    """Reports, chores, and messages to the business server."""

    def __init__(self, foundation: Foundation, membership: Membership | None) -> None:
        self._foundation = foundation
        settings = foundation.settings
        self._delivery = Delivery(
            foundation.store,
            foundation.box,
            foundation.clock,
            configuration.delivery_limits(settings),
            foundation.claims,
            nats=settings.nats,
        )
        writer = ReportWriter(
            foundation.store, foundation.bus, foundation.clock, foundation.maker, foundation.engine_limits
        )
        lookout = Lookout(foundation.store, foundation.clock)
        chores = Chores(
            store=foundation.store,
            bus=foundation.bus,
            clock=foundation.clock,
            box=foundation.box,
            maker=foundation.maker,
            limits=foundation.engine_limits,
            objects=foundation.objects,
            object_limits=foundation.object_limits,
            audit_ms=settings.audit_days * 86_400_000,
            repositories=Repositories(foundation.store, foundation.box, foundation.clock, TufLimits()),
            claims=foundation.claims,
            lookout=lookout,
        ).all()
        chores = {**chores, "measure": measuring(foundation.store, foundation.clock)}
        if membership is not None:
            departures = Departures(foundation.store, foundation.bus, foundation.clock, membership)
            chore = every(_BURY_SECONDS, foundation.clock, departures.report)
            chores = {**chores, **shared({"report_departures": chore}, foundation.claims, "departures")}
        self._runner = Runner(lookout, foundation.clock, chores)
        self._archiving = _archiving(foundation)
        self._reports: ReportWorker | None = None
        self._parts: PartsWorker | None = None
        if isinstance(foundation.bus, NatsBus):
            self._parts = PartsWorker(foundation.store, foundation.bus, foundation.claims, writer)
            foundation.bus.on_hint(WAKE, self._runner.wake)
        else:
            self._reports = ReportWorker(writer, interval_s=settings.report_wait_seconds)
            foundation.bus.attach_worker(self._reports.submit, self._runner.wake)

    def checks(self) -> Mapping[str, Check]:
        """What must work."""
        checks = {"worker": self._runner.check, "delivery": self._delivery.check}
        return checks if self._parts is None else {**checks, "reports": self._parts.check}

    async def begin(self) -> None:
        """Goes to work."""
        if self._parts is not None:
            await self._parts.start()
        self._runner.start()
        self._delivery.start()
        if self._archiving is not None:
            self._archiving.start()

    async def stop(self) -> None:
        """Finishes what was begun."""
        if self._archiving is not None:
            await self._archiving.stop()
        await self._runner.stop()
        if self._reports is not None:
            await self._reports.drain()
        if self._parts is not None:
            await self._parts.stop()

    async def stop_delivery(self) -> None:
        """Ends the delivery, which has taken what the last reports brought."""
        await self._delivery.stop()


def _archiving(foundation: Foundation) -> Archiving | None:
    days = foundation.settings.task_retention_days
    if days is None:
        return None
    return Archiving(
        foundation.store, foundation.objects, foundation.clock, foundation.claims, kept_ms=days * 86_400_000
    )
