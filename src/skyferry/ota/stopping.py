"""Ending the open tasks of a whole job: a portion at once, the rest by the worker, however many there are."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry.ota import changes, endings
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import TRANSITIONS, TaskEvent, TaskStatus
from skyferry.store import cancelling
from skyferry.store import job_lifecycle as statements
from skyferry.store.jobs import JobRecord
from skyferry.store.tasks import ChangedTask

_DESCRIPTIONS: Final = {
    TaskEvent.CANCEL_OPEN: "canceled by CancelOTATaskByJob",
    TaskEvent.SCHEDULE_ENDED: "not begun when the job's time was over",
}


def stop(
    tx: Connection,
    job: JobRecord,
    states: Collection[TaskStatus],
    event: TaskEvent,
    *,
    limits: EngineLimits,
    now: int,
) -> Sequence[ChangedTask]:
    """Ends the tasks of a job that are in one of the states: a first portion now, the rest soon.

    From now on the job sends nothing until all of them have ended, and devices that would have got a task in one of
    the states get none.

    Returns:
        The tasks that ended now. A push that is still held for them is to be withdrawn.
    """
    initial = TaskStatus.CONFIRM if job.need_confirm else TaskStatus.QUEUED
    every = {state for state in states if state in TRANSITIONS[event]}
    if job.ending_states is not None and job.ending_event is not None:
        before = TaskEvent[job.ending_event]
        every |= {state for state in map(TaskStatus, job.ending_states) if state in TRANSITIONS[before]}
        event = max(event, before, key=lambda one: len(TRANSITIONS[one]))  # one that ends what both were to end
    statements.begin_stopping(tx, job.id, states=every, event=event.name, unselect=initial in every, now=now)
    return _portion(tx, job.id, every, event, limits=limits, now=now)


def stop_next(tx: Connection, limits: EngineLimits, now: int) -> Sequence[ChangedTask]:
    """A portion of the oldest job that is being stopped; empty when none is left."""
    job = statements.next_stopping(tx)
    if job is None or job.ending_states is None or job.ending_event is None:
        return []
    states = [TaskStatus(state) for state in job.ending_states]
    return _portion(tx, job.id, states, TaskEvent[job.ending_event], limits=limits, now=now)


def _portion(
    tx: Connection,
    job_id: int,
    states: Collection[TaskStatus],
    event: TaskEvent,
    *,
    limits: EngineLimits,
    now: int,
) -> Sequence[ChangedTask]:
    sources = [state for state in states if state in TRANSITIONS[event]]
    description = _DESCRIPTIONS[event]
    ended = cancelling.end_of_job(
        tx,
        job_id,
        sources=sources,
        target=TaskStatus.CANCELED,
        description=description,
        now=now,
        limit=limits.chunk_tasks,
    )
    changes.follow(tx, changes.alike(ended, event, TaskStatus.CANCELED, at=now, description=description), now)
    if not ended:  # the job may have waited only for devices that get no task now
        endings.end_finished_jobs(tx, {job_id}, now)
    if not cancelling.any_of_job(tx, job_id, sources):
        statements.end_stopping(tx, job_id)
    return ended
