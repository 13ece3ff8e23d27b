"""Jobs: checked, made, and found again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.events import publishing
from skyferry.fleet import groups
from skyferry.fleet.groups import GroupType
from skyferry.ota import controls, gray, listing, options, packages, rollout, selection, streams, targets
from skyferry.ota.models import EngineLimits, JobOptions, NewDynamicJob, NewStaticJob
from skyferry.ota.states import JobStatus, JobType, PackageStatus
from skyferry.store import devices as device_statements
from skyferry.store import jobs as statements
from skyferry.store import packages as package_statements
from skyferry.store import selection as selection_statements
from skyferry.store.dialect import see_commits
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import PackageRecord

MOST_VERIFY_DEVICES: Final = 10
PRESENT_AND_FUTURE: Final = 1
"""DynamicMode: devices that match now, and those that match when they report later."""
FUTURE: Final = 2
"""DynamicMode: only devices that report a version from now on."""


def create_verify(
    tx: Connection,
    *,
    instance_id: int,
    firmware_id: str,
    product_key: str,
    device_names: Sequence[str],
    told: JobOptions,
    limits: EngineLimits,
    now: int,
) -> JobRecord:
    """Makes a verify job for up to ten named devices; the package is verifying from now on.

    Raises:
        ApiError: the package is verified or verifying, or a device cannot take it (control-plane reference §5.6).
    """
    package = packages.find_of_product(tx, instance_id, firmware_id, product_key)
    if package.status == PackageStatus.VERIFYING or statements.has_running_verification(tx, package.id):
        raise ApiError(codes.IN_PROGRESS_VERIFY_JOB_EXISTED)
    if not PackageStatus(package.status).may_verify:
        raise ApiError(codes.VERIFY_FIRMWARE_FAILED)
    options.check(told)
    streams.check_protocol(tx, package.id, told.download_protocol)
    device_ids = targets.named_devices(tx, package, device_names, most=MOST_VERIFY_DEVICES)
    if not package_statements.set_status(tx, package.id, old=[package.status], new=PackageStatus.VERIFYING, now=now):
        raise ApiError(codes.IN_PROGRESS_VERIFY_JOB_EXISTED)
    values = {"type": JobType.VERIFY, "target_selection": "SPECIFIC", "src_versions": [], **options.columns(told)}
    job = _insert(tx, package, values, now)
    selection.select_named(tx, job, device_ids, limits, now)
    return job


@dataclass(frozen=True, slots=True)
class StaticPlan:
    """A static job that could be made: everything about it is checked.

    Attributes:
        package: what it is for.
        values: its row, without what every job has.
        device_ids: the devices that it names; None when it looks for them by itself or in a list file.
    """

    package: PackageRecord
    values: Mapping[str, Any]
    device_ids: Sequence[int] | None


def plan_static(tx: Connection, new: NewStaticJob, *, instance_id: int, now: int) -> StaticPlan:
    """Checks what is told of a static job; making it and looking ahead both begin here.

    Raises:
        ApiError: a value that is not allowed (control-plane reference §5.7).
    """
    package = _upgradable(tx, instance_id, new.firmware_id, new.product_key)
    options.check(new.options)
    streams.check_protocol(tx, package.id, new.options.download_protocol)
    options.check_schedule(new.schedule_at, new.finish_at, now)
    controls.check(new.controls, dynamic=False)
    targets.check_selection(new)
    values: dict[str, Any] = {
        "type": JobType.UPGRADE,
        "target_selection": new.target_selection,
        "src_versions": targets.src_versions(package, new.src_versions),
        "schedule_at": new.schedule_at,
        "finish_at": new.finish_at,
        **options.columns(new.options),
        **rollout.first_values(new.controls),
    }
    if new.target_selection == "GROUP":
        values["group_id"] = groups.find(tx, instance_id, new.group_id or "", GroupType.STATIC).group_id
    if new.target_selection == "GRAY":
        values["gray_share"] = gray.parse(new.gray_percent)
    if new.schedule_at is not None:
        values |= {"status": JobStatus.PLANNED, "started_at": None}
    device_ids = None
    if new.target_selection not in targets.BY_KEY and new.name_list is None:
        device_ids = targets.named_devices(tx, package, new.device_names, most=targets.MOST_NAMED)
    return StaticPlan(package, values, device_ids)


def create_static(tx: Connection, new: NewStaticJob, *, instance_id: int, limits: EngineLimits, now: int) -> JobRecord:
    """Makes a static job.

    Its devices are those of this moment, or of ScheduleTime when the job looks for them itself. A first portion of
    tasks is made when this returns; a worker makes the others.

    Raises:
        ApiError: a value that is not allowed, or nothing to update (control-plane reference §5.7).
    """
    plan = plan_static(tx, new, instance_id=instance_id, now=now)
    package, values = plan.package, plan.values
    if new.name_list is not None:
        listed = {"select_up_to": new.name_list.size, "list_key": new.name_list.key}
        job = _insert(tx, package, {**values, **listed}, now)
        listing.select_head(tx, job, new.name_list.head, limits, now)
        return job
    if plan.device_ids is not None:
        job = _insert(tx, package, values, now)
        selection.select_named(tx, job, plan.device_ids, limits, now)
        return job
    if new.schedule_at is not None:
        return _insert(tx, package, values, now)
    job = _insert(tx, package, {**values, **_whole_fleet(tx, package)}, now)
    if not selection_statements.any_device(tx, selection.rule_of(tx, job)):
        raise ApiError(codes.NO_DEVICE_CAN_UPGRADE)
    selection.select_portion(tx, job, limits, now)
    return job


def create_dynamic(
    tx: Connection, new: NewDynamicJob, *, instance_id: int, limits: EngineLimits, now: int
) -> JobRecord:
    """Makes a dynamic job: devices get their task when they report a version that it is for.

    Raises:
        ApiError: a value that is not allowed, or the package has a running dynamic job (control-plane reference §5.7).
    """
    package = _upgradable(tx, instance_id, new.firmware_id, new.product_key)
    options.check(new.options)
    streams.check_protocol(tx, package.id, new.options.download_protocol)
    if new.dynamic_mode not in {None, PRESENT_AND_FUTURE, FUTURE}:
        raise ApiError(codes.INVALID_DYNAMIC_MODE)
    controls.check(new.controls, dynamic=True)
    group_id = _policy_group(tx, new, instance_id)
    if statements.has_running_dynamic(tx, package.id):
        raise ApiError(codes.IN_PROGRESS_DYNAMIC_JOB_EXISTED)
    values: dict[str, Any] = {
        "type": JobType.UPGRADE,
        "selection": "DYNAMIC",
        "target_selection": "ALL",
        "src_versions": targets.src_versions(package, new.src_versions),
        "group_id": group_id,
        "dynamic_mode": new.dynamic_mode or PRESENT_AND_FUTURE,
        **options.columns(new.options),
        **rollout.first_values(new.controls),
    }
    if values["dynamic_mode"] == FUTURE:
        return _insert(tx, package, values, now)
    job = _insert(tx, package, values | _whole_fleet(tx, package), now)
    selection.select_portion(tx, job, limits, now)
    return job


def _policy_group(tx: Connection, new: NewDynamicJob, instance_id: int) -> str | None:
    """The GroupId of a dynamic job that is for a group; None when it is for source versions."""
    if not new.group_id and not new.group_type:
        if not new.src_versions:
            raise ApiError(codes.NULL_SRC_VERSIONS)
        return None
    if new.src_versions:
        raise ApiError(codes.SRC_VERSIONS_NOT_ALLOWED, "Give either SrcVersion.N or GroupId and GroupType, not both.")
    targets.check_group_type(new.group_type, GroupType.DYNAMIC)
    group = groups.find(tx, instance_id, new.group_id or "", GroupType.DYNAMIC)
    existing = statements.running_of_group(tx, instance_id, group.group_id)
    told = options.columns(new.options)
    if existing is not None and (existing.overwrite_mode, existing.multi_module) != (
        told["overwrite_mode"],
        told["multi_module"],
    ):
        raise ApiError(
            codes.INVALID_OVERWRITE_MODE,
            f"The group has the dynamic job {existing.job_id} with OverwriteMode={existing.overwrite_mode} and "
            f"MultiModuleMode={str(existing.multi_module).lower()}: give the same.",
        )
    return group.group_id


def find(tx: Connection, instance_id: int, job_id: str, *, for_change: bool = False) -> JobRecord:
    """The job of this JobId.

    Args:
        tx: the transaction.
        instance_id: the instance of the caller.
        job_id: the JobId.
        for_change: locks it, and waits for workers that send its notices or end its tasks. It must be the first thing
            in the transaction, which sees from then on what others have committed.

    Raises:
        ApiError: the instance has none.
    """
    if not job_id.strip():
        raise ApiError(codes.NULL_OTA_JOB_ID)
    if for_change:
        see_commits(tx)
    job = statements.find(tx, instance_id, job_id, for_change=for_change)
    if job is None:
        raise ApiError(codes.INVALID_OTA_JOB_ID)
    return job


def _upgradable(tx: Connection, instance_id: int, firmware_id: str, product_key: str) -> PackageRecord:
    package = packages.find_of_product(tx, instance_id, firmware_id, product_key)
    if not PackageStatus(package.status).may_upgrade:
        raise ApiError(codes.FIRMWARE_NOT_VERIFIED)
    return package


def _whole_fleet(tx: Connection, package: PackageRecord) -> dict[str, Any]:
    return {"select_up_to": device_statements.highest_id(tx, package.product_id)}


def _insert(tx: Connection, package: PackageRecord, values: Mapping[str, Any], now: int) -> JobRecord:
    row: dict[str, Any] = {
        "instance_id": package.instance_id,
        "product_id": package.product_id,
        "package_id": package.id,
        "job_id": identifiers.job_id(),
        "selection": "STATIC",
        "status": JobStatus.IN_PROGRESS,
        "selected_up_to": 0,
        "select_up_to": 0,
        "created_at": now,
        "modified_at": now,
        "started_at": now,
        **values,
    }
    key = statements.insert(tx, row)
    publishing.publish_jobs(tx, [key], now)
    job = statements.by_id(tx, key)
    if job is None:
        raise RuntimeError("A job that was made in this transaction is gone.")
    return job
