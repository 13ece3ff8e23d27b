"""Statements on the counters: tasks that ended, by hour and cause; devices by version.

Rows of counters are changed in the order of their keys: transactions that meet on several wait in one direction.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, delete, func, select, tuple_, update

from skyferry.store import rows
from skyferry.store.dialect import Upsert, upserting_in
from skyferry.store.tables import devices, jobs, module_versions, task_endings
from skyferry.store.tables import version_counts as counts


@dataclass(frozen=True, slots=True)
class EndingKey:
    """What is counted together; see the table `task_endings`."""

    job_id: int
    hour: int
    status: int
    cause: str


@dataclass(frozen=True, slots=True)
class VersionKey:
    """What is counted together; see the table `version_counts`."""

    product_id: int
    module: str
    version: str


@dataclass(frozen=True, slots=True)
class EndingFilter:
    """Which endings are asked for.

    Attributes:
        instance_id: of the jobs of this instance.
        since_hour: in this hour or later.
        until_hour: before this hour.
        product_id: of jobs of this product, unless None.
        package_id: of jobs of this package, unless None.
        job_id: of this job, unless None.
    """

    instance_id: int
    since_hour: int
    until_hour: int
    product_id: int | None = None
    package_id: int | None = None
    job_id: int | None = None


_CHUNK: Final = 1_000
"""Keys of several columns that one statement lists."""


@cache
def _adding_endings(dialect: str) -> Upsert:
    statement = upserting_in(dialect, task_endings)
    return statement.on_conflict_do_update(
        index_elements=list(task_endings.primary_key),
        set_={"number": task_endings.c.number + statement.excluded.number},
    )


def add_endings(tx: Connection, endings: Mapping[EndingKey, int]) -> None:
    """Counts tasks that ended."""
    tx.execute(
        _adding_endings(tx.dialect.name),
        [
            {"job_id": key.job_id, "hour": key.hour, "status": key.status, "cause": key.cause, "number": number}
            for key, number in sorted(endings.items(), key=lambda item: dataclasses.astuple(item[0]))
        ],
    )


def causes_of(tx: Connection, job_ids: Collection[int], hours: Collection[int]) -> set[EndingKey]:
    """What is counted of the jobs in the hours already."""
    found: set[EndingKey] = set()
    for chunk in rows.chunks(job_ids):
        statement = select(*rows.columns(EndingKey, task_endings)).where(
            task_endings.c.job_id.in_(chunk), task_endings.c.hour.in_(hours)
        )
        found.update(rows.all_of(EndingKey, tx.execute(statement)))
    return found


def has_cause(tx: Connection, job_id: int, status: int, causes: Collection[str]) -> bool:
    """True when a task of the job has ended in the state by one of the causes."""
    found = select(task_endings.c.job_id).where(
        task_endings.c.job_id == job_id, task_endings.c.status == status, task_endings.c.cause.in_(causes)
    )
    return tx.execute(found.limit(1)).first() is not None


@cache
def _moving_versions(dialect: str) -> Upsert:
    statement = upserting_in(dialect, counts)
    return statement.on_conflict_do_update(
        index_elements=list(counts.primary_key),
        set_={"devices": counts.c.devices + statement.excluded.devices},
    )


_FORGET_EMPTY: Final = delete(counts).where(
    tuple_(*counts.primary_key).in_(bindparam("keys", expanding=True)), counts.c.devices <= 0
)


def move_versions(tx: Connection, changes: Mapping[VersionKey, int]) -> None:
    """Counts devices that have another version now.

    Args:
        tx: the transaction.
        changes: how many devices more or less have each version.
    """
    changed = {key: number for key, number in changes.items() if number}
    if not changed:
        return
    tx.execute(
        _moving_versions(tx.dialect.name),
        [
            {"product_id": key.product_id, "module": key.module, "version": key.version, "devices": number}
            for key, number in sorted(changed.items(), key=lambda item: dataclasses.astuple(item[0]))
        ],
    )
    fewer = [(key.product_id, key.module, key.version) for key, number in changed.items() if number < 0]
    for chunk in rows.chunks(fewer, _CHUNK):
        tx.execute(_FORGET_EMPTY, {"keys": chunk})


def forget_versions_of(tx: Connection, device_id: int) -> None:
    """Takes a device that is about to be removed out of the counts."""
    own = (
        select(devices.c.product_id, module_versions.c.module, module_versions.c.version)
        .join(module_versions, module_versions.c.device_id == devices.c.id)
        .where(devices.c.id == device_id)
    )
    tx.execute(
        update(counts)
        .where(tuple_(*counts.primary_key).in_(own), counts.c.devices > 0)
        .values(devices=counts.c.devices - 1)
    )


def _endings(wanted: EndingFilter, *selected: Any) -> Select[Any]:
    statement = (
        select(*selected)
        .select_from(task_endings.join(jobs))
        .where(
            jobs.c.instance_id == wanted.instance_id,
            task_endings.c.hour >= wanted.since_hour,
            task_endings.c.hour < wanted.until_hour,
        )
    )
    if wanted.product_id is not None:
        statement = statement.where(jobs.c.product_id == wanted.product_id)
    if wanted.package_id is not None:
        statement = statement.where(jobs.c.package_id == wanted.package_id)
    if wanted.job_id is not None:
        statement = statement.where(task_endings.c.job_id == wanted.job_id)
    return statement


def endings_by_period(tx: Connection, wanted: EndingFilter, *, hours: int) -> Sequence[tuple[int, int, int]]:
    """Tasks that ended: first hour of a period of so many hours, status, number; oldest first.

    Periods begin with multiples of `hours` since the epoch.
    """
    period = task_endings.c.hour - task_endings.c.hour % hours
    statement = _endings(wanted, period, task_endings.c.status, func.sum(task_endings.c.number))
    statement = statement.group_by(period, task_endings.c.status).order_by(period, task_endings.c.status)
    return [(hour, status, int(number)) for hour, status, number in tx.execute(statement)]


def endings_by_cause(tx: Connection, wanted: EndingFilter, *, status: int, limit: int) -> Sequence[tuple[str, int]]:
    """The commonest causes of tasks that ended in a state, with their numbers."""
    number = func.sum(task_endings.c.number)
    statement = _endings(wanted, task_endings.c.cause, number).where(task_endings.c.status == status)
    statement = statement.group_by(task_endings.c.cause).order_by(number.desc(), task_endings.c.cause).limit(limit)
    return [(cause, int(count)) for cause, count in tx.execute(statement)]


def versions_by_devices(
    tx: Connection, product_id: int, module: str, limit: int | None = None
) -> Sequence[tuple[str, int]]:
    """The versions of a module that most devices of a product have, and how many; all of them without a limit."""
    statement = (
        select(counts.c.version, counts.c.devices)
        .where(counts.c.product_id == product_id, counts.c.module == module, counts.c.devices > 0)
        .order_by(counts.c.devices.desc(), counts.c.version)
        .limit(limit)
    )
    return [(version, number) for version, number in tx.execute(statement)]


def reported_modules(tx: Connection, product_id: int, limit: int) -> Sequence[tuple[str, int]]:
    """The modules that devices of a product have reported, and how many devices each, most devices first."""
    number = func.sum(counts.c.devices)
    statement = select(counts.c.module, number).where(counts.c.product_id == product_id, counts.c.devices > 0)
    statement = statement.group_by(counts.c.module).order_by(number.desc(), counts.c.module).limit(limit)
    return [(module, int(count)) for module, count in tx.execute(statement)]


def count_reported(tx: Connection, product_id: int, module: str) -> int:
    """How many devices of a product have reported a version of a module."""
    statement = select(func.coalesce(func.sum(counts.c.devices), 0)).where(
        counts.c.product_id == product_id, counts.c.module == module, counts.c.devices > 0
    )
    return int(tx.execute(statement).scalar_one())
