"""Statements on jobs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, case, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.tables import (
    job_is_live,
    job_is_matching,
    job_is_running,
    jobs,
    package_is_kept,
    packages,
    tasks,
)

_LONGEST_INTERVAL_MS: Final = 120_000
"""No rate makes a job wait longer for its next push; only a window does."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A row of `jobs`."""

    id: int
    instance_id: int
    product_id: int
    package_id: int
    job_id: str
    type: str
    selection: str
    target_selection: str
    status: str
    src_versions: list[str]
    timeout_minutes: int | None
    maximum_per_minute: int
    overwrite_mode: int
    need_push: bool
    need_confirm: bool
    multi_module: bool
    download_protocol: str
    tags: dict[str, str]
    selected_up_to: int
    select_up_to: int
    next_push_at: int
    schedule_at: int | None
    finish_at: int | None
    retry_interval_minutes: int | None
    retry_count: int | None
    gray_share: int | None
    looked_at: int
    group_id: str | None
    dynamic_mode: int | None
    list_key: str | None
    unknown_names: int
    unknown_sample: list[str] | None
    ending_states: list[int] | None
    ending_event: str | None
    paused_at: int | None
    pause_reason: str | None
    controls: dict[str, Any] | None
    stage: int
    push_budget: int | None
    push_rate: int | None
    counts_at_resume: dict[str, int] | None
    created_at: int
    modified_at: int
    started_at: int | None
    ended_at: int | None


COLUMNS = rows.columns(JobRecord, jobs)
"""What `JobRecord` holds, in its order."""
job_may_push = and_(job_is_live, jobs.c.paused_at.is_(None), jobs.c.ending_states.is_(None))
"""The gates of a job that do not depend on the time."""


def insert(tx: Connection, values: Mapping[str, Any]) -> int:
    """Adds a job and returns its key.

    Raises:
        sqlalchemy.exc.IntegrityError: a second running verification of the package.
    """
    return int(tx.execute(jobs.insert().returning(jobs.c.id), dict(values)).scalar_one())


_FIND: Final = (
    select(*COLUMNS)
    .join(packages, jobs.c.package_id == packages.c.id)
    .where(jobs.c.job_id == bindparam("job"), jobs.c.instance_id == bindparam("instance"), package_is_kept)
)
_FIND_FOR_CHANGE: Final = _FIND.with_for_update(of=jobs)


def find(tx: Connection, instance_id: int, job_id: str, *, for_change: bool = False) -> JobRecord | None:
    """The job of this JobId; those of deleted packages are gone. `for_change` locks it against other writers."""
    statement = _FIND_FOR_CHANGE if for_change else _FIND
    return rows.one_of(JobRecord, tx.execute(statement, {"job": job_id, "instance": instance_id}))


_BY_ID: Final = select(*COLUMNS).where(jobs.c.id == bindparam("key"))


def by_id(tx: Connection, key: int) -> JobRecord | None:
    """The job of this key."""
    return rows.one_of(JobRecord, tx.execute(_BY_ID, {"key": key}))


def count_of_package(tx: Connection, package_id: int) -> int:
    """How many jobs a package has."""
    return tx.execute(select(func.count()).select_from(jobs).where(jobs.c.package_id == package_id)).scalar_one()


def page_of_package(tx: Connection, package_id: int, *, offset: int, limit: int) -> Sequence[JobRecord]:
    """Jobs of a package, newest first."""
    statement = (
        select(*COLUMNS).where(jobs.c.package_id == package_id).order_by(jobs.c.id.desc()).offset(offset).limit(limit)
    )
    return rows.all_of(JobRecord, tx.execute(statement))


def _of_device(package_id: int, device_id: int, without: str) -> ColumnElement[bool]:
    """Jobs of a package that have a task for a device, found by the device's tasks, which are few."""
    known = select(tasks.c.job_id).where(tasks.c.device_id == device_id, tasks.c.package_id == package_id)
    return and_(jobs.c.id.in_(known), jobs.c.status != without)


def count_of_device(tx: Connection, package_id: int, device_id: int, *, without: str) -> int:
    """How many jobs of a package have a task for a device; jobs in the status `without` do not count."""
    statement = select(func.count()).select_from(jobs).where(_of_device(package_id, device_id, without))
    return tx.execute(statement).scalar_one()


def page_of_device(
    tx: Connection, package_id: int, device_id: int, *, without: str, offset: int, limit: int
) -> Sequence[JobRecord]:
    """Jobs of a package that have a task for a device and another status than `without`, newest first."""
    statement = (
        select(*COLUMNS)
        .where(_of_device(package_id, device_id, without))
        .order_by(jobs.c.id.desc())
        .offset(offset)
        .limit(limit)
    )
    return rows.all_of(JobRecord, tx.execute(statement))


def latest_of_package(tx: Connection, package_id: int, job_type: str) -> JobRecord | None:
    """The newest job of a type that a package has."""
    statement = (
        select(*COLUMNS)
        .where(jobs.c.package_id == package_id, jobs.c.type == job_type)
        .order_by(jobs.c.id.desc())
        .limit(1)
    )
    return rows.one_of(JobRecord, tx.execute(statement))


def next_selecting(tx: Connection) -> JobRecord | None:
    """The oldest job whose devices are not all turned into tasks."""
    statement = (
        select(*COLUMNS)
        .where(jobs.c.selected_up_to < jobs.c.select_up_to, jobs.c.ended_at.is_(None))
        .order_by(jobs.c.id)
        .limit(1)
    )
    return rows.one_of(JobRecord, tx.execute(statement))


def set_selected(tx: Connection, job: JobRecord, *, new: int, now: int, more: Mapping[str, Any] | None = None) -> bool:
    """Notes that the devices up to `new` have their tasks.

    Args:
        tx: the transaction.
        job: as it was read before.
        new: up to where devices have their tasks now.
        now: the time.
        more: what else has changed of the job.

    Returns:
        False when nothing may be made of it: someone else made these tasks, or the job was stopped meanwhile.
    """
    values = {**(more or {}), "selected_up_to": new, "modified_at": now}
    statement = update(jobs).where(
        jobs.c.id == job.id,
        jobs.c.selected_up_to == job.selected_up_to,
        jobs.c.select_up_to == job.select_up_to,
        jobs.c.ended_at.is_(None),
    )
    return tx.execute(statement.values(**values)).rowcount == 1


def has_running_verification(tx: Connection, package_id: int) -> bool:
    """True when a verify job of the package runs."""
    found = select(jobs.c.id).where(jobs.c.package_id == package_id, jobs.c.type == "VERIFY_FIRMWARE", job_is_running)
    return tx.execute(found).first() is not None


def has_running_dynamic(tx: Connection, package_id: int) -> bool:
    """True when the package has a dynamic job that matches devices."""
    statement = select(jobs.c.id).where(jobs.c.package_id == package_id, job_is_matching)
    return tx.execute(statement.limit(1)).first() is not None


def running_of_group(tx: Connection, instance_id: int, group_id: str) -> JobRecord | None:
    """A dynamic job that matches the devices of a group."""
    statement = select(*COLUMNS).where(jobs.c.instance_id == instance_id, jobs.c.group_id == group_id, job_is_matching)
    return rows.one_of(JobRecord, tx.execute(statement.limit(1)))


@dataclass(frozen=True, slots=True)
class Policy:
    """What a running dynamic job matches."""

    job_id: int
    product_id: int
    module: str
    dest_version: str
    src_versions: list[str]
    group_id: str | None


def hold_matching(tx: Connection, key: int) -> bool:
    """Keeps a dynamic job from being stopped until the transaction ends; False when it matches no more devices."""
    statement = select(jobs.c.id).where(jobs.c.id == key, job_is_matching).with_for_update(read=True)
    return tx.execute(statement).first() is not None


_POLICIES: Final = (
    select(
        jobs.c.id,
        jobs.c.product_id,
        packages.c.module,
        packages.c.dest_version,
        jobs.c.src_versions,
        jobs.c.group_id,
    )
    .join(packages, jobs.c.package_id == packages.c.id)
    .where(jobs.c.product_id.in_(bindparam("product_ids", expanding=True)), job_is_matching)
    .order_by(jobs.c.id.desc())
)
"""Put together once: every batch of version reports runs it."""


def policies_of(tx: Connection, product_ids: Collection[int]) -> Sequence[Policy]:
    """The running dynamic jobs of products, the one that was made last first."""
    return rows.all_of(Policy, tx.execute(_POLICIES, {"product_ids": list(product_ids)}))


def set_controls(tx: Connection, key: int, *, now: int, **values: object) -> None:
    """Replaces the controls of a job, and what follows from them; a window that was closed is not waited for."""
    next_push_at = case((jobs.c.next_push_at > now + _LONGEST_INTERVAL_MS, now), else_=jobs.c.next_push_at)
    tx.execute(update(jobs).where(jobs.c.id == key).values(next_push_at=next_push_at, modified_at=now, **values))
