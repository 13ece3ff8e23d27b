"""Devices of processes that have died: each is reported offline, as its process would have done."""

import asyncio
from typing import Final

import structlog

from skyferry.bus.interface import Bus
from skyferry.bus.messages import Disconnected
from skyferry.clock import Clock
from skyferry.cluster.membership import SILENT_MS, Membership
from skyferry.store import presence, processes
from skyferry.store.engine import Store

_log = structlog.get_logger()

_DEVICES_AT_ONCE: Final = 1_000
_REMEMBERED_MS: Final = 3_600_000
"""A dead process is looked after for so long: what it had reported last may still wait to be stored."""


class Departures:
    """A chore of the worker."""

    def __init__(self, store: Store, bus: Bus, clock: Clock, membership: Membership) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._membership = membership

    async def report(self) -> bool:
        """Reports the devices of all processes that are dead; a process that may not judge of others reports none."""
        if not self._membership.may_judge:
            return False
        now = self._clock.now_ms()
        for process, heard_at in await self._store.read(processes.silent, now - SILENT_MS):
            reported = await self._report_devices(process)
            if reported:
                _log.warning("process.dead", process=process, devices=reported, silent_s=(now - heard_at) // 1_000)
            elif now - heard_at > _REMEMBERED_MS:
                await self._store.write(processes.leave, process)
        return False

    async def _report_devices(self, process: str) -> int:
        reported = after = 0
        while found := await self._store.read(
            presence.connections_named, f"{process}-", after=after, limit=_DEVICES_AT_ONCE
        ):
            now = self._clock.now_ms()
            await asyncio.gather(*(self._bus.report(Disconnected(key, connection, now)) for key, connection in found))
            after = found[-1][0]
            reported += len(found)
        return reported
