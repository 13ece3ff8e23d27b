"""Statements on tasks. Every change of state names the states that it starts from, and tells what it changed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    case,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.jobs import job_may_push
from skyferry.store.tables import (
    devices,
    job_is_live,
    jobs,
    packages,
    task_is_open,
    tasks,
)


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A row of `tasks` with the device that it is for."""

    id: int
    job_id: int
    package_id: int
    device_id: int
    module: str
    src_version: str
    status: int
    progress: int
    description: str
    timeout_minutes: int | None
    created_at: int
    modified_at: int
    device_name: str
    iot_id: str


@dataclass(frozen=True, slots=True)
class OpenTask:
    """An open task, with what deciding on a device's report takes."""

    id: int
    job_id: int
    package_id: int
    device_id: int
    module: str
    src_version: str
    status: int
    progress: int
    dispatch_at: int | None
    notified_at: int | None
    deadline_at: int | None
    retry_at: int | None
    tries: int
    pushes: int
    timeout_minutes: int | None
    description: str
    dest_version: str
    package_type: int
    need_push: bool
    retry_interval_minutes: int | None
    retry_count: int | None
    job_started: bool
    job_live: bool
    job_may_push: bool


def select_tasks() -> Select[Any]:
    """Selects what a `TaskRecord` holds."""
    own = [tasks.c[name] for name in TaskRecord.__dataclass_fields__ if name in tasks.c]
    return select(*own, devices.c.name, devices.c.iot_id).join(devices, tasks.c.device_id == devices.c.id)


def of_job(job_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """Of this job, for statements on named devices: in a form that no index over jobs serves.

    Without statistics SQLite takes a job for a handful of tasks and would read all of them to find a few devices.
    """
    return tasks.c.job_id + 0 == job_id


def page_of_job(
    tx: Connection, job_id: int, *, offset: int, limit: int, status: int | None = None
) -> Sequence[TaskRecord]:
    """Tasks of a job, in the order of creation."""
    keys = select(tasks.c.id).where(tasks.c.job_id == job_id)
    if status is not None:
        keys = keys.where(tasks.c.status == status)
    keys = keys.order_by(tasks.c.id).offset(offset).limit(limit)
    # The page is cut on the index alone; rows and devices are read for the page only.
    statement = select_tasks().where(tasks.c.id.in_(keys.subquery().select())).order_by(tasks.c.id)
    return rows.all_of(TaskRecord, tx.execute(statement))


def of_devices(
    tx: Connection, job_id: int, device_names: Collection[str], *, status: int | None = None
) -> Sequence[TaskRecord]:
    """Tasks that a job has for the named devices of its product."""
    statement = (
        select_tasks()
        .join(jobs, devices.c.product_id == jobs.c.product_id)
        .where(jobs.c.id == job_id, devices.c.name.in_(device_names), of_job(job_id))
        .order_by(tasks.c.id)
    )
    if status is not None:
        statement = statement.where(tasks.c.status == status)
    return rows.all_of(TaskRecord, tx.execute(statement))


def postpone(tx: Connection, keys: Collection[int], *, until: int) -> None:
    """Moves the pushes of tasks that are due to a later moment."""
    for chunk in rows.chunks(keys):
        tx.execute(
            update(tasks).where(tasks.c.id.in_(chunk), tasks.c.dispatch_at.is_not(None)).values(dispatch_at=until)
        )


@dataclass(frozen=True, slots=True)
class ChangedTask:
    """A task that was changed just now."""

    id: int
    job_id: int
    device_id: int


CHANGED = rows.columns(ChangedTask, tasks)


def any_to_version(tx: Connection, device_id: int, module: str, version: str, *, statuses: Collection[int]) -> bool:
    """Whether a task of the device that would bring a module to this version is in one of the states."""
    statement = (
        select(tasks.c.id)
        .join(packages, tasks.c.package_id == packages.c.id)
        .where(
            tasks.c.device_id == device_id,
            tasks.c.module == module,
            tasks.c.status.in_(statuses),
            packages.c.dest_version == version,
        )
    )
    return tx.execute(statement.limit(1)).first() is not None


_OPEN_OF_DEVICES: Final = (
    select(
        *[tasks.c[name] for name in OpenTask.__dataclass_fields__ if name in tasks.c],
        packages.c.dest_version,
        packages.c.type,
        jobs.c.need_push,
        jobs.c.retry_interval_minutes,
        jobs.c.retry_count,
        jobs.c.started_at.is_not(None),
        job_is_live,
        job_may_push,
    )
    .join(packages, tasks.c.package_id == packages.c.id)
    .join(jobs, tasks.c.job_id == jobs.c.id)
    .where(tasks.c.device_id.in_(bindparam("device_ids", expanding=True)), task_is_open)
    .with_for_update(of=tasks)
)
"""Put together once: it runs for every batch of reports, and building it costs more than running it."""


def open_of_devices(tx: Connection, device_ids: Collection[int]) -> Sequence[OpenTask]:
    """The open tasks of devices, locked against other writers."""
    found: list[OpenTask] = []
    for chunk in rows.chunks(device_ids):
        found += rows.all_of(OpenTask, tx.execute(_OPEN_OF_DEVICES, {"device_ids": chunk}))
    return found


_IN_STATES: Final = and_(
    tasks.c.id.in_(bindparam("keys", expanding=True)), tasks.c.status.in_(bindparam("sources", expanding=True))
)


@cache
def _changing(names: frozenset[str]) -> Update:
    """Sets the columns of these names to the values `new_` followed by the name; there are few such sets."""
    return update(tasks).where(_IN_STATES).values({name: bindparam(f"new_{name}") for name in names})


def change(tx: Connection, keys: Collection[int], *, sources: Collection[int], values: Mapping[str, Any]) -> int:
    """Changes tasks that are in one of the source states, and tells how many they were."""
    statement = _changing(frozenset(values))
    given = {"sources": list(sources), **{f"new_{name}": value for name, value in values.items()}}
    return sum(tx.execute(statement, {**given, "keys": chunk}).rowcount for chunk in rows.chunks(keys))


_CLAIM: Final = (
    update(tasks)
    .where(_IN_STATES)
    .values(
        status=bindparam("pushed"),
        dispatch_at=None,
        retry_at=None,
        notified_at=bindparam("now"),
        modified_at=bindparam("now"),
        pushes=tasks.c.pushes + 1,
    )
)


def claim(tx: Connection, keys: Collection[int], *, status: int, pushed: int, now: int) -> int:
    """Notes a push of tasks that are in a state, and tells how many they were."""
    given = {"sources": [status], "pushed": pushed, "now": now}
    return sum(tx.execute(_CLAIM, {**given, "keys": chunk}).rowcount for chunk in rows.chunks(keys))


def hold_off(tx: Connection, job_id: int, device_ids: Collection[int], *, until: int) -> None:
    """Lets the open tasks that devices have in a job wait as if for another try."""
    for chunk in rows.chunks(device_ids):
        due = case((tasks.c.dispatch_at.is_not(None), literal(until, BigInteger)), else_=null())
        statement = update(tasks).where(tasks.c.device_id.in_(chunk), task_is_open, of_job(job_id))
        tx.execute(statement.values(retry_at=until, dispatch_at=due))


def settle_cancellation(tx: Connection, device_id: int, key: int, *, status: int) -> None:
    """Forgets that the device was told of a task, if it is in the state: what it has to learn of it is said.

    Asking twice is no matter: the second time nothing is left to be forgotten.
    """
    statement = update(tasks).where(tasks.c.id == key, tasks.c.device_id == device_id, tasks.c.status == status)
    tx.execute(statement.values(notified_at=None))


def take_due(tx: Connection, job_id: int, *, status: int, now: int, limit: int) -> Sequence[ChangedTask]:
    """The tasks of a job in this state whose push is due, longest waiting first."""
    statement = (
        select(*CHANGED)
        .where(tasks.c.job_id == job_id, tasks.c.status == status, tasks.c.dispatch_at <= now)
        .order_by(tasks.c.dispatch_at, tasks.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return rows.all_of(ChangedTask, tx.execute(statement))


def overdue(tx: Connection, now: int, limit: int) -> Sequence[tuple[ChangedTask, int]]:
    """Open tasks whose time is over, with their states."""
    statement = (
        select(*CHANGED, tasks.c.status)
        .where(tasks.c.deadline_at <= now, task_is_open)
        .order_by(tasks.c.deadline_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return _with_status(tx, statement)


def _with_status(tx: Connection, statement: Select[Any]) -> list[tuple[ChangedTask, int]]:
    return [(ChangedTask(*found), status) for *found, status in tx.execute(statement)]


def forget_due(tx: Connection) -> None:
    """Takes back every push that is due."""
    tx.execute(update(tasks).where(tasks.c.dispatch_at.is_not(None)).values(dispatch_at=None))
