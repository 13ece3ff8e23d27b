"""Statements that begin, end and stop jobs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, func, or_, select, update

from skyferry.store import rows
from skyferry.store.jobs import COLUMNS, JobRecord
from skyferry.store.tables import job_is_live, job_is_planned, job_is_running, jobs, task_is_open, tasks


def planned(tx: Connection, now: int, limit: int) -> Sequence[JobRecord]:
    """Planned jobs whose time has come, the earliest first."""
    statement = (
        select(*COLUMNS)
        .where(jobs.c.schedule_at <= now, job_is_planned)
        .order_by(jobs.c.schedule_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return rows.all_of(JobRecord, tx.execute(statement))


def start(tx: Connection, key: int, *, status: str, select_up_to: int | None, now: int) -> None:
    """Starts a planned job.

    Args:
        tx: the transaction.
        key: the job.
        status: its status from now on.
        select_up_to: up to which key it looks for devices; None when it has them.
        now: the time.
    """
    values: dict[str, Any] = {"status": status, "started_at": now, "modified_at": now}
    if select_up_to is not None:
        values["select_up_to"] = select_up_to
    tx.execute(update(jobs).where(jobs.c.id == key, job_is_planned).values(**values))


def next_finishing(tx: Connection, now: int) -> JobRecord | None:
    """The running job whose end has come first."""
    statement = (
        select(*COLUMNS)
        .where(jobs.c.finish_at <= now, job_is_running)
        .order_by(jobs.c.finish_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return rows.one_of(JobRecord, tx.execute(statement))


def end(tx: Connection, key: int, *, status: str, now: int) -> None:
    """Ends a job, whatever its tasks are doing."""
    statement = update(jobs).where(jobs.c.id == key, jobs.c.ended_at.is_(None))
    tx.execute(statement.values(status=status, ended_at=now, modified_at=now))


@dataclass(frozen=True, slots=True)
class EndedJob:
    """A job that ended just now; `moved` is False when its status is the former one: it matched no more devices."""

    id: int
    package_id: int
    type: str
    moved: bool


_first_open_task: Final = (
    select(tasks.c.id)
    .where(tasks.c.job_id == jobs.c.id, task_is_open)
    .order_by(tasks.c.status, tasks.c.id)
    .limit(1)
    .scalar_subquery()
)
"""In the order of an index, so that PostgreSQL uses it: without statistics it would read all tasks to learn of one."""
_HAS_NOTHING_LEFT: Final = and_(
    or_(jobs.c.selection == "STATIC", ~job_is_running),
    jobs.c.selected_up_to >= jobs.c.select_up_to,
    _first_open_task.is_(None),
)
"""It gets no more tasks, and has none open."""
_LEFT_OVER: Final = select(jobs.c.id).where(job_is_live, _HAS_NOTHING_LEFT)
_CANCELING: Final = jobs.c.ending_event == bindparam("canceling")
_CANCELED: Final = bindparam("canceled", type_=jobs.c.status.type)
_COMPLETED: Final = bindparam("completed", type_=jobs.c.status.type)
_END_FINISHED: Final = (
    update(jobs)
    .where(
        jobs.c.id.in_(bindparam("keys", expanding=True)),
        or_(job_is_live, and_(job_is_planned, jobs.c.target_selection == "SPECIFIC", _CANCELING)),
        _HAS_NOTHING_LEFT,
    )
    .values(
        status=case(
            (or_(job_is_running, job_is_planned), case((_CANCELING, _CANCELED), else_=_COMPLETED)),
            else_=jobs.c.status,
        ),
        ended_at=bindparam("now"),
        modified_at=bindparam("now"),
    )
    .returning(
        jobs.c.id,
        jobs.c.package_id,
        jobs.c.type,
        or_(jobs.c.status != _CANCELED, func.coalesce(jobs.c.ending_event, "") == bindparam("canceling")),
    )
)
"""Put together once: it runs whenever a task ends, and building it costs more than running it."""


def end_finished(
    tx: Connection, keys: Collection[int], *, completed: str, canceled: str, canceling: str, now: int
) -> Sequence[EndedJob]:
    """Ends those of the jobs that get no more tasks and have none open.

    A planned job waits for its time, unless all its devices are named and their tasks are being cancelled.

    Args:
        tx: the transaction.
        keys: which jobs to look at.
        completed: the status of a running job that has ended.
        canceled: its status when it ends because its tasks are being cancelled,
        canceling: which is so when its `ending_event` is this one.
        now: the time.
    """
    values = {"completed": completed, "canceled": canceled, "canceling": canceling, "now": now}
    found: list[EndedJob] = []
    for chunk in rows.chunks(keys):
        found += rows.all_of(EndedJob, tx.execute(_END_FINISHED, {**values, "keys": chunk}))
    return found


def left_over(tx: Connection) -> Sequence[int]:
    """Keys of jobs that have begun and could end, and have not."""
    return tx.execute(_LEFT_OVER).scalars().all()


def begin_stopping(tx: Connection, key: int, *, states: Collection[int], event: str, unselect: bool, now: int) -> None:
    """Notes that the job's tasks in these states are to end by this event.

    Args:
        tx: the transaction.
        key: the job.
        states: of tasks.
        event: what ends them.
        unselect: devices that have no task yet get none.
        now: the time.
    """
    values: dict[str, Any] = {"ending_states": sorted(states), "ending_event": event, "modified_at": now}
    if unselect:
        values |= {"select_up_to": jobs.c.selected_up_to, "list_key": None}
    tx.execute(update(jobs).where(jobs.c.id == key).values(**values))


def end_stopping(tx: Connection, key: int) -> None:
    """Notes that no task is left to be ended."""
    tx.execute(update(jobs).where(jobs.c.id == key).values(ending_states=None, ending_event=None))


def next_stopping(tx: Connection) -> JobRecord | None:
    """The oldest job whose tasks are being ended."""
    statement = (
        select(*COLUMNS)
        .where(jobs.c.ending_states.is_not(None))
        .order_by(jobs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    return rows.one_of(JobRecord, tx.execute(statement))
