"""What the worker does without being asked: each chore does a bounded portion and says whether there is more."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from skyferry import tracing
from skyferry.bus.interface import Bus
from skyferry.bus.messages import Cause, DisconnectDevice
from skyferry.clock import Clock
from skyferry.cluster.claims import Claims
from skyferry.fleet import registrations
from skyferry.keys import SecretBox
from skyferry.objects.cleaning import remove_blob, remove_blobs, remove_orphans
from skyferry.objects.interface import ObjectStore
from skyferry.objects.limits import ObjectLimits
from skyferry.ota import (
    deadlines,
    deletion,
    dispatch,
    endings,
    listfile,
    listing,
    rollout,
    schedule,
    selection,
    stopping,
)
from skyferry.ota.deletion import DeletionLimits
from skyferry.ota.models import EngineLimits
from skyferry.ota.offers import OfferMaker
from skyferry.scheduler import metrics
from skyferry.scheduler.lookout import Lookout
from skyferry.store import audit, disconnections, history, job_lifecycle, jobs, used_nonces
from skyferry.store.engine import Store
from skyferry.store.jobs import JobRecord
from skyferry.tracing import Kind
from skyferry.trust.tuf.repository import Repositories

_log = structlog.get_logger()

_PUSHES_AT_ONCE = 1_000
_DEVICES_AT_ONCE = 500
_OVERDUE_AT_ONCE = 500
_JOBS_AT_ONCE = 100
_HISTORY_AT_ONCE = 5_000
_RECORDS_AT_ONCE = 5_000
_SECOND = 1
_CLEANING_SECONDS = 60
_LEFT_OVER_SECONDS = 10
_CLOCKS_APART_MS: Final = 60_000
"""By how much the clocks of processes that share nonces may differ."""
_EVERYWHERE: Final = frozenset({"dispatch", "steer"})
"""What every worker does: they leave to each other the jobs that one of them works on. The rest one at a time does."""

Chore = Callable[[], Awaitable[bool]]
"""Does a bounded portion of work; True when there is more of it."""


def every(seconds: int, clock: Clock, chore: Chore) -> Chore:
    """A chore that rests for so many seconds when nothing is left of it."""
    due_ms = 0

    async def run() -> bool:
        nonlocal due_ms
        if clock.now_ms() < due_ms:
            return False
        more = await chore()
        if not more:
            due_ms = clock.now_ms() + seconds * 1_000
        return more

    return run


def when(waits: Callable[[Lookout], bool], lookout: Lookout, chore: Chore) -> Chore:
    """A chore that is done only when the last look has seen something for it."""

    async def run() -> bool:
        if not waits(lookout):
            return False
        lookout.acted = True
        return await chore()

    return run


def shared(chores: Mapping[str, Chore], claims: Claims, kind: str = "chore") -> dict[str, Chore]:
    """The same chores, each done only while it is this process's to do.

    Args:
        chores: all that there are of this kind, by name.
        claims: tells what is this process's to do.
        kind: of what kind they are; they are shared within it.
    """
    claimed = {f"{kind}:{name}": name for name in chores}

    def only_held(claim: str, chore: Chore) -> Chore:
        async def run() -> bool:
            return claim in await claims.hold(claimed) and await chore()

        return run

    return {name: only_held(claim, chores[name]) for claim, name in claimed.items()}


@dataclass(frozen=True, slots=True)
class Chores:
    """The chores and what they work with."""

    store: Store
    bus: Bus
    clock: Clock
    box: SecretBox
    maker: OfferMaker
    limits: EngineLimits
    objects: ObjectStore
    object_limits: ObjectLimits
    audit_ms: int
    repositories: Repositories
    claims: Claims
    lookout: Lookout

    def all(self) -> Mapping[str, Chore]:
        """Every chore by its name; those that someone waits for come first."""
        chores = self._by_name()
        return chores | shared({name: chore for name, chore in chores.items() if name not in _EVERYWHERE}, self.claims)

    def _by_name(self) -> dict[str, Chore]:
        look = self.lookout
        steer = when(lambda seen: seen.waiting.steered, look, self.steer)
        return {
            "dispatch": when(lambda seen: seen.push_is_due, look, self.dispatch),
            "start_planned": when(lambda seen: seen.waiting.planned, look, self.start_planned),
            "finish": when(lambda seen: seen.waiting.finishing, look, self.finish),
            "steer": every(_SECOND, self.clock, steer),
            "stop": when(lambda seen: seen.waiting.stopping, look, self.stop),
            "select": when(lambda seen: seen.waiting.selecting, look, self.select),
            "register": when(lambda seen: seen.waiting.registering, look, self.register),
            "end_left_over": every(_LEFT_OVER_SECONDS, self.clock, self.end_left_over),
            "end_overdue": when(lambda seen: seen.waiting.overdue, look, self.end_overdue),
            "disconnect": when(lambda seen: seen.waiting.disconnecting, look, self.disconnect),
            "sign_lists": when(lambda seen: seen.waiting.unsigned, look, self.repositories.publish_next),
            "remove_deleted": when(lambda seen: seen.waiting.deleted, look, self.remove_deleted),
            "forget_history": every(_CLEANING_SECONDS, self.clock, self.forget_history),
            "forget_audit": every(_CLEANING_SECONDS, self.clock, self.forget_audit),
            "forget_nonces": every(_CLEANING_SECONDS, self.clock, self.forget_nonces),
            "clean_objects": every(_CLEANING_SECONDS, self.clock, self.clean_objects),
        }

    async def forget_history(self) -> bool:
        """Removes what happened to tasks so long ago that it need not be kept."""
        before = self.clock.now_ms() - self.limits.history_ms
        return await self.store.write(history.forget, before, _HISTORY_AT_ONCE) == _HISTORY_AT_ONCE

    async def forget_audit(self) -> bool:
        """Removes what was written down of calls so long ago that it need not be kept."""
        before = self.clock.now_ms() - self.audit_ms
        return await self.store.write(audit.delete_before, before, _RECORDS_AT_ONCE) == _RECORDS_AT_ONCE

    async def forget_nonces(self) -> bool:
        """Removes nonces of requests that no process takes any more."""
        before = self.clock.now_ms() - _CLOCKS_APART_MS
        return await self.store.write(used_nonces.forget, before, _RECORDS_AT_ONCE) == _RECORDS_AT_ONCE

    async def dispatch(self) -> bool:
        """Sends pushes that are due."""
        claimed = await self.store.write(dispatch.claim_due, self.maker, self.clock.now_ms(), _PUSHES_AT_ONCE)
        if claimed:
            metrics.PUSHES.inc(len(claimed))
            with tracing.span("push", Kind.CONSUMER) as span:
                span.note(pushes=len(claimed))
                await self.bus.command(claimed)
        return len(claimed) == _PUSHES_AT_ONCE

    async def steer(self) -> bool:
        """Halts, advances and speeds up jobs that have controls."""
        await self.store.write(rollout.steer_all, self.clock.now_ms())
        return False

    async def stop(self) -> bool:
        """Ends the next tasks of a job that is being cancelled or whose time is over."""
        return bool(await self.store.write(stopping.stop_next, self.limits, self.clock.now_ms()))

    async def select(self) -> bool:
        """Turns the next devices of a job into tasks."""
        job = await self.store.read(jobs.next_selecting)
        if job is None:
            return False
        if job.list_key is None:
            await self.store.write(selection.select_portion, job, self.limits, self.clock.now_ms())
        else:
            await self._select_listed(job)
        return True

    async def _select_listed(self, job: JobRecord) -> None:
        try:
            data = await listfile.next_bytes(self.store, self.objects, job)
        except FileNotFoundError:
            _log.exception("job.list_file_gone", job=job.job_id, done=job.selected_up_to, size=job.select_up_to)
            await self.store.write(listing.give_up, job, self.clock.now_ms())
        else:
            await self.store.write(listing.select_listed, job, data, self.limits, self.clock.now_ms())

    async def start_planned(self) -> bool:
        """Starts jobs whose time has come, which gives other chores something to do."""
        return await self.store.write(schedule.start_due, self.clock.now_ms(), _JOBS_AT_ONCE) > 0

    async def finish(self) -> bool:
        """Ends a job whose time is over."""
        return await self.store.write(schedule.finish_due, self.limits, self.clock.now_ms()) is not None

    async def register(self) -> bool:
        """Checks the next names or makes the next devices of a registration by the thousand."""
        return await self.store.write(
            registrations.continue_next, box=self.box, now=self.clock.now_ms(), most=_DEVICES_AT_ONCE
        )

    async def end_overdue(self) -> bool:
        """Fails tasks whose time is over."""
        ended = await self.store.write(deadlines.end_overdue, self.clock.now_ms(), _OVERDUE_AT_ONCE)
        return ended == _OVERDUE_AT_ONCE

    async def end_left_over(self) -> bool:
        """Ends jobs whose last tasks ended in transactions that did not see each other: to each one was left open."""
        keys = await self.store.read(job_lifecycle.left_over)
        if keys:
            await self.store.write(endings.end_finished_jobs, keys, self.clock.now_ms())
        return False

    async def disconnect(self) -> bool:
        """Ends connections of devices whose secret a command line has changed."""
        taken = await self.store.write(disconnections.take, _DEVICES_AT_ONCE)
        if taken:
            await self.bus.command([DisconnectDevice(device_id) for device_id in taken])
        return len(taken) == _DEVICES_AT_ONCE

    async def remove_deleted(self) -> bool:
        """Removes the next rows of deleted packages and products, with their files and connections."""
        portion = await self.store.write(deletion.remove_portion, DeletionLimits())
        if portion.device_ids:
            await self.bus.command([DisconnectDevice(device_id, Cause.DELETED) for device_id in portion.device_ids])
        await remove_blobs(self.objects, portion.objects)
        for name in portion.archives:
            await remove_blob(self.objects, name)
        return portion.more

    async def clean_objects(self) -> bool:
        """Removes uploaded files that neither a package nor a job took."""
        removed = await remove_orphans(self.store, self.objects, self.clock, self.object_limits)
        return removed == self.object_limits.cleaning_batch
