"""Sends what is due: claims tasks within their jobs' rates and makes the notices.

The claim is committed before anything is sent. A server that dies in between has told nobody twice; the device comes
back on a new connection and is pushed to again.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry.bus.messages import Notice
from skyferry.ota import changes, controls, notices, rate, timezones, windows
from skyferry.ota.offers import OfferMaker
from skyferry.ota.states import TRANSITIONS, TaskEvent, TaskStatus
from skyferry.store import pushing
from skyferry.store import tasks as statements
from skyferry.store.jobs import JobRecord
from skyferry.store.tasks import ChangedTask

FIRST: Final = TaskStatus.QUEUED
"""The state of devices that have heard nothing."""
AGAIN: Final = (TaskStatus.IN_PROGRESS, TaskStatus.NOTIFIED)
"""The states of devices that are told again: they come first."""


def claim_due(tx: Connection, maker: OfferMaker, now: int, most: int) -> list[Notice]:
    """Claims up to `most` tasks whose push is due, and returns the pushes to send."""
    claimed: list[Notice] = []
    for job in pushing.due(tx, now, first=FIRST, again=AGAIN):
        if len(claimed) >= most:
            break
        claimed += _claim_of_job(tx, job, maker, now, most - len(claimed))
    return claimed


def next_due_at(tx: Connection) -> int | None:
    """When the next push may be due, in milliseconds since the Unix epoch; None when nothing waits."""
    return pushing.next_due_at(tx, first=FIRST, again=AGAIN)


def _claim_of_job(tx: Connection, job: JobRecord, maker: OfferMaker, now: int, most: int) -> list[Notice]:
    opens_at = windows.opens_at(controls.of(job), now)
    if opens_at > now:
        pushing.spend(tx, job.id, next_push_at=opens_at, first_pushes=0)
        return []
    allowed = rate.allowance(job.push_rate or job.maximum_per_minute, job.next_push_at, now)
    room = min(most, allowed.count)
    sent: list[ChangedTask] = []
    moved: list[changes.TaskChange] = []
    first_pushes = 0
    for status in (*AGAIN, FIRST):
        limit = room - len(sent)
        if status is FIRST and job.push_budget is not None:
            limit = min(limit, job.push_budget)
        if limit <= 0:
            continue
        due = statements.take_due(tx, job.id, status=status, now=now, limit=limit)
        due = timezones.postpone_closed(tx, job, due, now)
        pushed = TRANSITIONS[TaskEvent.PUSHED][status]
        _claim(tx, due, status, pushed, now)
        sent += due
        if pushed is not status:
            moved += changes.alike(due, TaskEvent.PUSHED, pushed, at=now)
            first_pushes += len(due)
    changes.follow(tx, moved, now)
    pushing.spend(tx, job.id, next_push_at=allowed.next_push_at(len(sent)), first_pushes=first_pushes)
    return notices.pushes(maker.offer(tx, job, now), [(task.id, task.device_id) for task in sent], now)


def _claim(tx: Connection, due: Sequence[ChangedTask], status: TaskStatus, pushed: TaskStatus, now: int) -> None:
    changed = statements.claim(tx, [task.id for task in due], status=status, pushed=pushed, now=now)
    if changed != len(due):
        raise RuntimeError(f"{len(due)} tasks were claimed and {changed} changed.")
