"""CancelOTATaskByJob and CancelOTAStrategyByJob (control-plane reference §6.5, §7.2; §12, 5-7 and 14)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.events import publishing
from skyferry.ota import endings, jobs, stopping
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import JobStatus, TaskEvent, TaskStatus
from skyferry.store import job_control as statements
from skyferry.store.jobs import JobRecord
from skyferry.store.tasks import ChangedTask


@dataclass(frozen=True, slots=True)
class CancelFlags:
    """Which tasks of a job to cancel; None where the request says nothing.

    Attributes:
        scheduled: all of a job that has not begun.
        queued: QUEUED; CONFIRM too when `unconfirmed` is None.
        notified: NOTIFIED.
        in_progress: IN_PROGRESS.
        unconfirmed: CONFIRM.
    """

    scheduled: bool | None = None
    queued: bool | None = None
    notified: bool | None = None
    in_progress: bool | None = None
    unconfirmed: bool | None = None

    @property
    def is_empty(self) -> bool:
        """The request names no flag."""
        given = (self.scheduled, self.queued, self.notified, self.in_progress, self.unconfirmed)
        return all(flag is None for flag in given)

    @property
    def states(self) -> set[TaskStatus]:
        """The states whose tasks are cancelled in a job that has begun."""
        unconfirmed = self.queued if self.unconfirmed is None else self.unconfirmed
        wanted = {
            TaskStatus.CONFIRM: unconfirmed,
            TaskStatus.QUEUED: self.queued,
            TaskStatus.NOTIFIED: self.notified,
            TaskStatus.IN_PROGRESS: self.in_progress,
        }
        return {state for state, flag in wanted.items() if flag}


def cancel_tasks(
    tx: Connection, *, instance_id: int, job_id: str, flags: CancelFlags, limits: EngineLimits, now: int
) -> Sequence[ChangedTask]:
    """Cancels the tasks of a job that the flags name: a first portion now, the rest soon.

    A job that has not begun is cancelled itself by `scheduled`, and has begun in vain with every other flag. A running
    job is CANCELED when nothing else is left of it. The policy of a dynamic job goes on.

    Returns:
        The tasks cancelled so far. A push that is still held for them is to be withdrawn.

    Raises:
        ApiError: no flag, a job that is cancelled or has no schedule, or none of this JobId.
    """
    if flags.is_empty:
        raise ApiError(codes.CANCEL_OPTION_IS_MANDATORY)
    job = jobs.find(tx, instance_id, job_id, for_change=True)
    if job.status == JobStatus.CANCELED and job.ended_at is not None:
        raise ApiError(codes.JOB_ALREADY_CANCELED)
    if flags.scheduled and job.schedule_at is None:
        raise ApiError(codes.JOB_HAS_NO_SCHEDULE_TIME)
    states = flags.states
    if flags.scheduled and statements.cancel_planned(tx, job.id, status=JobStatus.CANCELED, now=now):
        publishing.publish_jobs(tx, [job.id], now)
        states = {state for state in TaskStatus if state.is_open}
    if not states:
        return []
    return stopping.stop(tx, job, states, TaskEvent.CANCEL_OPEN, limits=limits, now=now)


def cancel_policy(tx: Connection, *, instance_id: int, job_id: str, now: int) -> None:
    """Ends the policy of a dynamic job: it matches no more devices, and the tasks that it has go on.

    Raises:
        ApiError: a job that is not dynamic or cancelled already, or none of this JobId.
    """
    job = jobs.find(tx, instance_id, job_id, for_change=True)
    if not _is_dynamic(job):
        raise ApiError(codes.NOT_DYNAMIC_JOB)
    if not statements.cancel_policy(tx, job.id, status=JobStatus.CANCELED, now=now):
        raise ApiError(codes.JOB_ALREADY_CANCELED)
    publishing.publish_jobs(tx, [job.id], now)
    endings.end_finished_jobs(tx, {job.id}, now)


def _is_dynamic(job: JobRecord) -> bool:
    return job.selection == "DYNAMIC"
