"""ReupgradeOTATask: tasks that failed or were cancelled run again (control-plane reference §6.4; §12, 4, 12 and 13)."""

import dataclasses
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.events import publishing
from skyferry.ota import changes, jobs, named_tasks
from skyferry.ota.packages import DIFFERENTIAL
from skyferry.ota.selection import OVERWRITE
from skyferry.ota.states import TRANSITIONS, JobStatus, JobType, PackageStatus, TaskEvent, TaskStatus, after, sources
from skyferry.store import job_control
from skyferry.store import named_tasks as statements
from skyferry.store import packages as package_statements
from skyferry.store import tasks as task_statements
from skyferry.store.jobs import JobRecord
from skyferry.store.named_tasks import NamedTask
from skyferry.store.packages import PackageRecord
from skyferry.store.tasks import ChangedTask, OpenTask

_REPLACED: Final = "replaced by a task that runs again"


def rerun(tx: Connection, *, instance_id: int, job_id: str, task_ids: Sequence[str], now: int) -> Sequence[ChangedTask]:
    """Runs tasks of a job again, all or none, as if they had been made now; a job that has ended goes on.

    Returns:
        Tasks of other jobs that these replace. A push that is still held for them is to be withdrawn.

    Raises:
        ApiError: a task that does not exist in the job, has not failed, or cannot run now; a package or job that is
            not for this.
    """
    job = jobs.find(tx, instance_id, job_id, for_change=True)
    if not package_statements.keep(tx, job.package_id):
        raise ApiError(codes.INVALID_OTA_JOB_ID)
    package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
    if not PackageStatus(package.status).may_upgrade:
        raise ApiError(codes.RE_UPGRADE_FAILED_FIRMWARE_NOT_VERIFIED)
    event = TaskEvent.RERUN_UNCONFIRMED if job.need_confirm else TaskEvent.RERUN
    target = TRANSITIONS[event][TaskStatus.FAILED]
    _check_job(job, target, now)
    named = named_tasks.find(tx, instance_id, task_ids, for_change=True)
    for task in named:
        _check_task(task, job, event)
    found = _as_they_are_now(tx, named, package)
    replaced = _make_way(tx, job, package, found, now)
    versions = {task.id: task.src_version for task in found}
    due = set() if job.need_confirm else named_tasks.due_at_once(tx, found, dict(versions))
    _begin(tx, versions, due, event, now)
    _revive(tx, job, now)
    again = [ChangedTask(task.id, task.job_key, task.device_id) for task in found]
    changes.follow(
        tx,
        [
            *changes.alike(replaced, TaskEvent.OVERWRITTEN, TaskStatus.CANCELED, at=now, description=_REPLACED),
            *changes.alike(again, event, target, at=now),
        ],
        now,
    )
    return replaced


def _check_job(job: JobRecord, target: TaskStatus, now: int) -> None:
    if job.type == JobType.VERIFY:
        raise ApiError(codes.INVALID_OTA_JOB_ID, "The tasks of a verify job do not run again: make a new verify job.")
    if target in (job.ending_states or ()):
        raise ApiError(codes.INVALID_TASK_STATUS, "The job's tasks are being canceled: call again in a moment.")
    if job.finish_at is not None and now >= job.finish_at:
        raise ApiError(codes.INVALID_TASK_STATUS, "The job's ScheduleFinishTime came: make a new job for the devices.")


def _check_task(task: NamedTask, job: JobRecord, event: TaskEvent) -> None:
    name = named_tasks.task_id_of(task)
    if task.job_key != job.id:
        raise ApiError(codes.INVALID_OTA_TASK_ID, f"The task {name} belongs to another job.")
    status = TaskStatus(task.status)
    if after(status, event) is None:
        raise ApiError(
            codes.INVALID_TASK_STATUS, f"The task {name} is {status.name}: only FAILED and CANCELED ones run again."
        )


def _as_they_are_now(tx: Connection, named: Sequence[NamedTask], package: PackageRecord) -> Sequence[NamedTask]:
    """The tasks with the versions that their devices run now; each device has to be able to take the package."""
    versions = named_tasks.versions_of(tx, named)
    found: dict[int, NamedTask] = {}
    for task in named:
        version = versions[task.id]
        if task.device_id in found:
            raise ApiError(
                codes.INVALID_TASK_STATUS, f"Two of the tasks are for the device {task.device_name}: run one of them."
            )
        if version is None:
            raise ApiError(codes.NON_VERSIONED_DEVICE_IN_ARRAY, f"The version of {task.device_name} is not known.")
        if version == package.dest_version:
            raise ApiError(
                codes.DEVICE_WITH_DESTINATION_VERSION_IN_ARRAY,
                f"The device {task.device_name} runs {version} already: there is nothing to update.",
            )
        if package.type == DIFFERENTIAL and version != package.src_version:
            raise ApiError(
                codes.SRC_VERSION_MISMATCH,
                f"The device {task.device_name} runs {version}; the package is for {package.src_version}.",
            )
        found[task.device_id] = dataclasses.replace(task, src_version=version)
    return list(found.values())


def _make_way(
    tx: Connection, job: JobRecord, package: PackageRecord, found: Sequence[NamedTask], now: int
) -> Sequence[ChangedTask]:
    """Ends what the tasks may replace (control-plane reference §6.10); refuses what is in the way besides."""
    devices = {task.device_id: task.device_name for task in found}
    in_the_way = [
        task
        for task in task_statements.open_of_devices(tx, devices)
        if not job.multi_module or task.module == package.module
    ]
    may_replace = job.multi_module or job.overwrite_mode == OVERWRITE
    for task in in_the_way:
        if not may_replace or after(TaskStatus(task.status), TaskEvent.OVERWRITTEN) is None:
            raise _busy(task, devices[task.device_id])
    replaced = [ChangedTask(task.id, task.job_id, task.device_id) for task in in_the_way]
    values = {
        "status": TaskStatus.CANCELED,
        "description": _REPLACED,
        "dispatch_at": None,
        "retry_at": None,
        "modified_at": now,
    }
    keys = [task.id for task in replaced]
    changed = task_statements.change(tx, keys, sources=sources(TaskEvent.OVERWRITTEN), values=values)
    if changed != len(keys):
        raise RuntimeError(f"{len(keys)} tasks were to be replaced and {changed} were.")
    return replaced


def _busy(task: OpenTask, device_name: str) -> ApiError:
    return ApiError(
        codes.INVALID_TASK_STATUS,
        f"The device {device_name} has another task of the module {task.module}, {TaskStatus(task.status).name}: "
        "wait for its end or cancel it first.",
    )


def _begin(tx: Connection, versions: dict[int, str], due: set[int], event: TaskEvent, now: int) -> None:
    target = TRANSITIONS[event][TaskStatus.FAILED]
    try:
        count = statements.begin_again(tx, versions, due=due, sources=sources(event), target=target, now=now)
    except IntegrityError:
        raise ApiError(
            codes.INVALID_TASK_STATUS, "Another update of one of the devices has begun at this moment."
        ) from None
    if count != len(versions):
        raise RuntimeError(f"{len(versions)} tasks were to run again and {count} do.")


def _revive(tx: Connection, job: JobRecord, now: int) -> None:
    """A dynamic job whose policy has ended stays CANCELED: it matches no more devices."""
    status = JobStatus.IN_PROGRESS if job.selection == "STATIC" else job.status
    if job_control.revive(tx, job.id, status=status, now=now) and status != job.status:
        publishing.publish_jobs(tx, [job.id], now)
