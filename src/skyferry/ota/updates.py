"""UpdateOTAJob: what of a job can be changed while it runs (control-plane reference §5.8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.ota import jobs, options, targets
from skyferry.ota.states import JobStatus, JobType
from skyferry.store import job_control as statements
from skyferry.store import packages as package_statements
from skyferry.store.jobs import JobRecord

_KINDS: Final = frozenset({"STATIC", "DYNAMIC"})


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """What UpdateOTAJob says.

    Attributes:
        upgrade_type: `STATIC` or `DYNAMIC`, as the job is.
        target_selection: as the job's.
        maximum_per_minute: its rate from now on.
        tags: all its tags from now on.
        src_versions: of a dynamic job, for the devices that it matches from now on; empty for the same as before.
        timeout_minutes: of a dynamic job, for the tasks that it makes from now on; None for the same as before.
    """

    upgrade_type: str
    target_selection: str
    maximum_per_minute: int
    tags: Mapping[str, str] = field(default_factory=dict)
    src_versions: Sequence[str] = ()
    timeout_minutes: int | None = None


def update(tx: Connection, told: JobUpdate, *, instance_id: int, job_id: str, now: int) -> None:
    """Changes a job for a fleet that is planned or runs.

    Raises:
        ApiError: a value that is not allowed or does not fit the job, a job that has ended, or none of this JobId.
    """
    job = jobs.find(tx, instance_id, job_id, for_change=True)
    if job.type == JobType.VERIFY:
        raise ApiError(codes.INVALID_OTA_JOB_ID, "A verify job cannot be changed.")
    _check_kind(job, told)
    options.check_rate(told.maximum_per_minute)
    options.check_timeout(told.timeout_minutes)
    options.check_tags(told.tags)
    values: dict[str, Any] = {
        "maximum_per_minute": told.maximum_per_minute,
        "tags": dict(told.tags),
        "modified_at": now,
    }
    if job.selection == "DYNAMIC":
        values |= _policy(tx, job, told)
    if not statements.change(tx, job.id, values):
        raise _ended(job)


def _check_kind(job: JobRecord, told: JobUpdate) -> None:
    """UpgradeType and TargetSelection only say again what the job is, in any letter case."""
    kind, selection = told.upgrade_type.strip().upper(), told.target_selection.strip().upper()
    if not kind:
        raise ApiError(codes.NULL_SELECTION_TYPE)
    if kind not in _KINDS:
        raise ApiError(codes.INVALID_SELECTION_TYPE)
    if kind != job.selection:
        raise ApiError(codes.INVALID_SELECTION_TYPE, f"The job is {job.selection}: give that as UpgradeType.")
    if not selection:
        raise ApiError(codes.NULL_TARGET_SELECTION)
    fitting = {job.target_selection} | ({"GROUP"} if job.group_id is not None else set())
    if selection not in fitting:
        raise ApiError(
            codes.INVALID_TARGET_SELECTION, f"The job's TargetSelection is {job.target_selection}: give that."
        )


def _policy(tx: Connection, job: JobRecord, told: JobUpdate) -> Mapping[str, Any]:
    """What changes of a dynamic job only."""
    values: dict[str, Any] = {}
    if told.timeout_minutes is not None:
        if job.retry_interval_minutes is not None and told.timeout_minutes <= job.retry_interval_minutes:
            raise ApiError(
                codes.INVALID_TIMEOUT_SETTING,
                f"TimeoutInMinutes must be longer than the job's RetryInterval, {job.retry_interval_minutes} minutes.",
            )
        values["timeout_minutes"] = told.timeout_minutes
    if told.src_versions:
        if job.group_id is not None:
            raise ApiError(codes.SRC_VERSIONS_NOT_ALLOWED, "The job is for a group: it has no SrcVersionList.")
        package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
        values["src_versions"] = targets.src_versions(package, told.src_versions, name="SrcVersionList")
    return values


def _ended(job: JobRecord) -> ApiError:
    if job.status == JobStatus.CANCELED:
        return ApiError(codes.JOB_ALREADY_CANCELED)
    return ApiError(codes.INVALID_OTA_JOB_ID, "The job has ended: only planned and running jobs can be changed.")
