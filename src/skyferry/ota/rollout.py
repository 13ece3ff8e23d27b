"""Steering jobs that have controls: they halt on failures, go from stage to stage, and speed up with success."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.ota import controls, tallies
from skyferry.ota.controls import Controls
from skyferry.ota.selection import BLOCKED
from skyferry.ota.states import TaskStatus
from skyferry.store import jobs as job_statements
from skyferry.store import pushing, statistics, task_counts
from skyferry.store.jobs import JobRecord

_WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Counts:
    """How the updates of a job stand; tasks that failed at once because the device was busy are no updates.

    Attributes:
        total: updates that were not cancelled.
        pushed: those whose device has been told of them.
        succeeded: those that succeeded,
        failed: and those that failed.
    """

    total: int
    pushed: int
    succeeded: int
    failed: int

    @property
    def executed(self) -> int:
        """Updates that have ended by themselves."""
        return self.succeeded + self.failed


def counts_of(tx: Connection, job_id: int) -> Counts:
    """How the updates of a job stand."""
    by_status = task_counts.count_by_status(tx, job_id)
    failed = by_status.get(TaskStatus.FAILED, 0)
    # Where no failure is of this cause, or of one that was not noted, the counter says it without a look at the tasks.
    if failed and statistics.has_cause(tx, job_id, TaskStatus.FAILED, (BLOCKED, tallies.NO_CAUSE)):
        failed = task_counts.count_failed(tx, job_id, status=TaskStatus.FAILED, except_description=BLOCKED)
    uncounted = by_status.get(TaskStatus.CANCELED, 0) + by_status.get(TaskStatus.FAILED, 0) - failed
    total = sum(by_status.values()) - uncounted
    waiting = by_status.get(TaskStatus.QUEUED, 0) + by_status.get(TaskStatus.CONFIRM, 0)
    return Counts(total, total - waiting, by_status.get(TaskStatus.SUCCEEDED, 0), failed)


def first_values(told: Controls) -> dict[str, Any]:
    """How a job's row begins that has controls."""
    return {
        "controls": controls.written(told),
        "push_budget": 0 if told.stages else None,
        "push_rate": told.rate_start,
    }


def steer_all(tx: Connection, now: int) -> int:
    """Applies the controls of every live job, and tells how many jobs they changed."""
    return sum(_steer(tx, job, now) for job in pushing.steered(tx))


def change(tx: Connection, job: JobRecord, told: Controls, now: int) -> None:
    """Replaces the controls of a job; its stages begin anew, and what has been pushed counts in them.

    Raises:
        ApiError: the controls cannot take effect.
    """
    controls.check(told, dynamic=job.selection == "DYNAMIC")
    job_statements.set_controls(tx, job.id, now=now, stage=0, **first_values(told))


def pause(tx: Connection, job: JobRecord, reason: str, now: int) -> None:
    """Lets a job push nothing until it is resumed.

    Raises:
        ApiError: it is paused already, or has ended.
    """
    _check_goes_on(job)
    if not pushing.steer(tx, job.id, paused_at=now, pause_reason=reason, modified_at=now):
        raise ApiError(codes.JOB_IS_PAUSED)


def resume(tx: Connection, job: JobRecord, now: int) -> None:
    """Lets a paused job go on; failures up to now halt it no more.

    Raises:
        ApiError: it is not paused, or has ended.
    """
    _check_goes_on(job)
    counts = counts_of(tx, job.id)
    done = {"succeeded": counts.succeeded, "failed": counts.failed}
    if not pushing.resume(tx, job.id, counts=done, now=now):
        raise ApiError(codes.JOB_IS_NOT_PAUSED)


def _check_goes_on(job: JobRecord) -> None:
    if job.ended_at is not None:
        raise ApiError(codes.JOB_HAS_ENDED)


def _steer(tx: Connection, job: JobRecord, now: int) -> bool:
    told = controls.of(job)
    counts = counts_of(tx, job.id)
    reason = _why_halt(told, counts, job.counts_at_resume or {})
    if reason is not None:
        return pushing.steer(tx, job.id, paused_at=now, pause_reason=reason, modified_at=now)
    values = _next_stage(job, told, counts) | _next_rate(job, told, counts)
    return bool(values) and pushing.steer(tx, job.id, **values)


def _why_halt(told: Controls, counts: Counts, before: Mapping[str, int]) -> str | None:
    failed = counts.failed - before.get("failed", 0)
    executed = failed + counts.succeeded - before.get("succeeded", 0)
    if executed < told.halt_minimum_executed:
        return None
    if told.halt_failure_count is not None and failed >= told.halt_failure_count:
        return f"halted: {failed} updates failed, {told.halt_failure_count} are too many"
    percent = told.halt_failure_percent
    if percent is not None and failed and failed * _WHOLE >= percent * executed:
        return f"halted: {failed} of {executed} updates failed, {percent} percent are too many"
    return None


def _next_stage(job: JobRecord, told: Controls, counts: Counts) -> dict[str, Any]:
    """The stage that the job is in, and how many devices it may still tell; none before it knows all of its devices."""
    if not told.stages or job.selected_up_to < job.select_up_to:
        return {}
    stage = max(job.stage, 1)
    while stage < len(told.stages) and _is_over(told, counts, _devices(counts.total, told.stages[stage - 1])):
        stage += 1
    percent = told.stages[stage - 1]
    budget = None if percent == _WHOLE else max(_devices(counts.total, percent) - counts.pushed, 0)
    changed = (stage, budget) != (job.stage, job.push_budget)
    return {"stage": stage, "push_budget": budget} if changed else {}


def _is_over(told: Controls, counts: Counts, devices: int) -> bool:
    if told.stage_success_percent is None:
        return counts.executed >= devices
    return counts.succeeded * _WHOLE >= told.stage_success_percent * devices


def _devices(total: int, percent: int) -> int:
    """So many percent of the devices, rounded up: a stage has one device at least."""
    return -(-total * percent // _WHOLE)


def _next_rate(job: JobRecord, told: Controls, counts: Counts) -> dict[str, Any]:
    if told.rate_start is None or told.rate_growth_percent is None or told.rate_growth_successes is None:
        return {}
    grown = told.rate_start * (told.rate_growth_percent / _WHOLE) ** min(
        counts.succeeded // told.rate_growth_successes, _WHOLE
    )
    rate = min(round(grown), job.maximum_per_minute)
    return {} if rate == job.push_rate else {"push_rate": rate}
