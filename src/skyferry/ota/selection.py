"""From devices to tasks: one rule looks, replaces older tasks, and makes new ones, a bounded number at a time."""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry.ota import changes, endings, gray, tallies
from skyferry.ota.changes import TaskChange
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import TaskEvent, TaskStatus, sources
from skyferry.ota.tallies import Ending
from skyferry.store import groups
from skyferry.store import jobs as job_statements
from skyferry.store import packages as package_statements
from skyferry.store import selection as statements
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import PackageRecord
from skyferry.store.selection import NewTasks, SelectionRule

OVERWRITE: Final = 2
ANY_KEY: Final = 2**62
"""Above every row's key."""
BLOCKED: Final = "another update of the device is not finished"
_REPLACED: Final = "replaced by a later job"


def rule_of(tx: Connection, job: JobRecord) -> SelectionRule:
    """The devices that a job is for, whether they have their task or not; a list of names is another matter."""
    package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
    return rule_for(tx, package, job.src_versions, job.group_id)


def rule_for(
    tx: Connection, package: PackageRecord, src_versions: Sequence[str], group_id: str | None
) -> SelectionRule:
    """The devices that a package is for.

    Args:
        tx: the transaction.
        package: the package; devices that run its version already need it not.
        src_versions: only devices with one of these versions; with any version when empty.
        group_id: only devices of this group, unless None.
    """
    return SelectionRule(
        product_id=package.product_id,
        module=package.module,
        dest_version=package.dest_version,
        src_versions=src_versions,
        after=0,
        up_to=ANY_KEY,
        members=None if group_id is None else groups.members_of(tx, package.instance_id, group_id),
    )


def select_named(tx: Connection, job: JobRecord, device_ids: Collection[int], limits: EngineLimits, now: int) -> None:
    """Makes the tasks of a job for named devices, all at once."""
    rule = dataclasses.replace(rule_of(tx, job), device_ids=device_ids)
    make_tasks(tx, job, rule, limits, now)
    endings.end_finished_jobs(tx, {job.id}, now)


def select_portion(tx: Connection, job: JobRecord, limits: EngineLimits, now: int) -> None:
    """Makes the tasks of the next devices of a job; ends the job when there is nothing to do for it."""
    whole = rule_of(tx, job)
    ahead = dataclasses.replace(whole, after=job.selected_up_to, up_to=job.select_up_to)
    end = statements.end_of_chunk(tx, ahead, limits.chunk_devices)
    rule = dataclasses.replace(ahead, up_to=end)
    looked_at = job.looked_at
    if job.gray_share is not None:
        candidates = statements.device_ids(tx, rule)
        rule = dataclasses.replace(rule, device_ids=gray.choose(candidates, looked_at, job.gray_share))
        looked_at += len(candidates)
    if not job_statements.set_selected(tx, job, new=end, now=now, more={"looked_at": looked_at}):
        return
    make_tasks(tx, job, rule, limits, now)
    if job.gray_share is not None and end >= job.select_up_to and gray.is_too_few(looked_at, job.gray_share):
        first = statements.first_device(tx, dataclasses.replace(whole, up_to=job.select_up_to))
        make_tasks(tx, job, dataclasses.replace(whole, device_ids=[] if first is None else [first]), limits, now)
    endings.end_finished_jobs(tx, {job.id}, now)


def make_tasks(
    tx: Connection, job: JobRecord, rule: SelectionRule, limits: EngineLimits, now: int, *, skip_busy: bool = False
) -> int:
    """Makes a task for each device of a rule, after ending what the job may replace; tells how many.

    Args:
        tx: the transaction.
        job: whose tasks they are.
        rule: which devices.
        limits: how pushes are spread.
        now: milliseconds since the Unix epoch.
        skip_busy: a device that another open task keeps busy gets no task, instead of one that has failed.
    """
    changes.follow(tx, _overwrite(tx, job, rule, now), now)
    made = statements.insert_tasks(
        tx,
        rule,
        NewTasks(
            job_id=job.id,
            package_id=job.package_id,
            any_module=not job.multi_module,
            initial=TaskStatus.CONFIRM if job.need_confirm else TaskStatus.QUEUED,
            blocked=None if skip_busy else TaskStatus.FAILED,
            blocked_description=BLOCKED,
            push=job.need_push and not job.need_confirm,
            jitter_ms=limits.push_jitter_ms,
            timeout_minutes=job.timeout_minutes,
            now=now,
        ),
    )
    tallies.note_endings(tx, [Ending(job.id, TaskStatus.FAILED, BLOCKED, now, made.blocked)])
    return made.initial + made.blocked


def _overwrite(tx: Connection, job: JobRecord, rule: SelectionRule, now: int) -> Sequence[TaskChange]:
    """Ends what the job may replace (control-plane reference §6.10)."""
    if job.overwrite_mode != OVERWRITE and not job.multi_module:
        return []
    ended = statements.overwrite(
        tx,
        rule,
        job_id=job.id,
        any_module=not job.multi_module,
        sources=sources(TaskEvent.OVERWRITTEN),
        target=TaskStatus.CANCELED,
        description=_REPLACED,
        now=now,
    )
    return changes.alike(ended, TaskEvent.OVERWRITTEN, TaskStatus.CANCELED, at=now, description=_REPLACED)
