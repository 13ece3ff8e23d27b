"""From devices to tasks: the same rule looks, replaces older tasks, and makes new ones, a bounded number at a time."""

from collections.abc import Collection

from sqlalchemy import Connection

from skyferry.ota import changes, endings
from skyferry.ota.changes import TaskChange
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import TaskEvent, TaskStatus, sources
from skyferry.store import jobs as job_statements
from skyferry.store import packages as package_statements
from skyferry.store import selection as statements
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import PackageRecord
from skyferry.store.selection import NewTasks, SelectionRule

OVERWRITE = 2
_BLOCKED = "another update of the device is not finished"
_REPLACED = "replaced by a later job"


def rule_of(
    job: JobRecord, package: PackageRecord, *, up_to: int, device_ids: Collection[int] | None = None
) -> SelectionRule:
    """The devices that a job still has to turn into tasks, as far as the key `up_to`."""
    return SelectionRule(
        product_id=job.product_id,
        module=package.module,
        dest_version=package.dest_version,
        src_versions=job.src_versions,
        after=job.selected_up_to,
        up_to=up_to,
        device_ids=device_ids,
    )


def select_portion(
    tx: Connection, job: JobRecord, limits: EngineLimits, now: int, device_ids: Collection[int] | None = None
) -> None:
    """Makes the tasks of the next devices of a job; completes the job when there is nothing to do for it."""
    package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
    whole = rule_of(job, package, up_to=job.select_up_to)
    end = job.select_up_to if device_ids else statements.end_of_chunk(tx, whole, limits.chunk_devices)
    if not job_statements.set_selected(tx, job.id, old=job.selected_up_to, new=end, now=now):
        return
    rule = rule_of(job, package, up_to=end, device_ids=device_ids)
    ended = _overwrite(tx, job, rule, now)
    statements.insert_tasks(
        tx,
        rule,
        NewTasks(
            job_id=job.id,
            package_id=job.package_id,
            any_module=not job.multi_module,
            initial=TaskStatus.CONFIRM if job.need_confirm else TaskStatus.QUEUED,
            blocked=TaskStatus.FAILED,
            blocked_description=_BLOCKED,
            push=job.need_push and not job.need_confirm,
            jitter_ms=limits.push_jitter_ms,
            timeout_minutes=job.timeout_minutes,
            now=now,
        ),
    )
    changes.follow(tx, ended, now)
    endings.end_finished_jobs(tx, {job.id}, now)


def select_next(tx: Connection, limits: EngineLimits, now: int) -> bool:
    """One portion of the oldest job that is not done selecting; False when there is none."""
    job = job_statements.next_selecting(tx)
    if job is None:
        return False
    select_portion(tx, job, limits, now)
    return True


def _overwrite(tx: Connection, job: JobRecord, rule: SelectionRule, now: int) -> list[TaskChange]:
    """Ends what the job may replace (control-plane reference §6.10)."""
    if job.overwrite_mode != OVERWRITE and not job.multi_module:
        return []
    ended = statements.overwrite(
        tx,
        rule,
        any_module=not job.multi_module,
        sources=sources(TaskEvent.OVERWRITTEN),
        target=TaskStatus.CANCELED,
        description=_REPLACED,
        now=now,
    )
    return changes.alike(ended, TaskEvent.OVERWRITTEN, TaskStatus.CANCELED, at=now, description=_REPLACED)
