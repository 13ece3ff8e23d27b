"""Statements on what lets jobs push: their rate, their budget, their controls.

Devices that ask over HTTP are never pushed to: they are told when they come by. What the worker runs whenever it wakes
is put together once: building a statement costs more than running it.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from skyferry.store import rows
from skyferry.store.dialect import see_commits
from skyferry.store.jobs import COLUMNS, JobRecord, job_may_push
from skyferry.store.tables import job_is_live, jobs, products, tasks

_has_budget = or_(jobs.c.push_budget.is_(None), jobs.c.push_budget > 0)
_can_hear = exists().where(products.c.id == jobs.c.product_id, products.c.device_protocol == "link")


@cache
def _due(first: int, again: frozenset[int]) -> Select[Any]:
    now: ColumnElement[int] = bindparam("now", type_=tasks.c.dispatch_at.type)

    def waits(status: int) -> ColumnElement[bool]:
        return exists().where(tasks.c.job_id == jobs.c.id, tasks.c.status == status, tasks.c.dispatch_at <= now)

    return (
        select(*COLUMNS)
        .where(
            job_may_push,
            jobs.c.next_push_at <= now,
            _can_hear,
            or_(and_(_has_budget, waits(first)), *(waits(status) for status in again)),
        )
        .order_by(jobs.c.id)
        .with_for_update(skip_locked=True, key_share=True)
    )


def due(tx: Connection, now: int, *, first: int, again: Collection[int]) -> Sequence[JobRecord]:
    """Jobs that have a push to send now, may push, and are allowed a push by their rate.

    The first thing in a transaction: workers that look at the same time get different jobs, and each sees what the
    others have sent.

    Args:
        tx: the transaction.
        now: the time.
        first: the state of tasks that were never pushed: those wait for the job's budget too.
        again: the states of tasks that are pushed another time.
    """
    see_commits(tx)
    return rows.all_of(JobRecord, tx.execute(_due(first, frozenset(again)), {"now": now}))


@cache
def _next_due_at(first: int, again: frozenset[int]) -> Select[Any]:
    def earliest(status: int) -> ScalarSelect[int | None]:
        of_state = (tasks.c.job_id == jobs.c.id, tasks.c.status == status, tasks.c.dispatch_at.is_not(None))
        return select(func.min(tasks.c.dispatch_at)).where(*of_state).scalar_subquery()

    times = [case((_has_budget, earliest(first)), else_=None), *(earliest(status) for status in again)]
    return select(jobs.c.next_push_at, *times).where(job_may_push, _can_hear)


def next_due_at(tx: Connection, *, first: int, again: Collection[int]) -> int | None:
    """When the next push of any job that may push is due, rate and budget considered; None when nothing waits.

    Args:
        tx: the transaction.
        first: as for `due`.
        again: as for `due`.
    """
    statement = _next_due_at(first, frozenset(again))
    waiting = [
        max(due_at, push_at) for push_at, *moments in tx.execute(statement) for due_at in moments if due_at is not None
    ]
    return min(waiting, default=None)


_SPEND: Final = (
    update(jobs)
    .where(jobs.c.id == bindparam("key"))
    .values(next_push_at=bindparam("next"), push_budget=jobs.c.push_budget - bindparam("first_pushes"))
)


def spend(tx: Connection, key: int, *, next_push_at: int, first_pushes: int) -> None:
    """Notes pushes of a job.

    Args:
        tx: the transaction.
        key: the job.
        next_push_at: when its next push may go out.
        first_pushes: how many of the pushes were a device's first.
    """
    tx.execute(_SPEND, {"key": key, "next": next_push_at, "first_pushes": first_pushes})


JOB_IS_STEERED: Final = and_(jobs.c.controls.is_not(None), job_is_live, jobs.c.paused_at.is_(None))
"""A job with controls that is not paused."""
_STEERED: Final = select(*COLUMNS).where(JOB_IS_STEERED).order_by(jobs.c.id).with_for_update(skip_locked=True)


def steered(tx: Connection) -> Sequence[JobRecord]:
    """Live jobs with controls that are not paused."""
    return rows.all_of(JobRecord, tx.execute(_STEERED))


def steer(tx: Connection, key: int, **values: object) -> bool:
    """Changes what controls decide of a job; False when it was paused or has ended meanwhile."""
    statement = update(jobs).where(jobs.c.id == key, jobs.c.paused_at.is_(None), jobs.c.ended_at.is_(None))
    return tx.execute(statement.values(**values)).rowcount == 1


def resume(tx: Connection, key: int, *, counts: Mapping[str, int], now: int) -> bool:
    """Lets a paused job go on; False when it is not paused or has ended.

    Args:
        tx: the transaction.
        key: the job.
        counts: what had succeeded and failed by then.
        now: the time.
    """
    statement = update(jobs).where(jobs.c.id == key, jobs.c.paused_at.is_not(None), jobs.c.ended_at.is_(None))
    values = {"paused_at": None, "pause_reason": None, "counts_at_resume": dict(counts), "modified_at": now}
    return tx.execute(statement.values(**values)).rowcount == 1
