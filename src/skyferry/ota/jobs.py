"""Jobs: checked, made, and turned into tasks."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError, ErrorKind
from skyferry.fleet import names
from skyferry.ota import packages, selection
from skyferry.ota.models import EngineLimits, JobOptions, NewStaticJob
from skyferry.ota.states import JobStatus, JobType, PackageStatus
from skyferry.store import devices as device_statements
from skyferry.store import jobs as statements
from skyferry.store import packages as package_statements
from skyferry.store import selection as selection_statements
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import PackageRecord

MOST_VERIFY_DEVICES: Final = 10
MOST_NAMED_DEVICES: Final = 200
MOST_SRC_VERSIONS: Final = 10
_MOST_TAGS: Final = 10
_MOST_TAG_CHARACTERS: Final = 4_096
_TAG_KEY: Final = re.compile(r"[A-Za-z0-9.]{1,30}")
_TAG_VALUE: Final = re.compile(r"(?s).{1,1024}")
_DEFAULT_PER_MINUTE: Final = 10_000
_LEAST_PER_MINUTE: Final = 10
_LONGEST_TIMEOUT_MINUTES: Final = 1_440
_KEEP: Final = 1
_SELECTIONS: Final = frozenset({"ALL", "SPECIFIC", "GRAY", "GROUP"})


def create_verify(
    tx: Connection,
    *,
    instance_id: int,
    firmware_id: str,
    product_key: str,
    device_names: Sequence[str],
    options: JobOptions,
    limits: EngineLimits,
    now: int,
) -> JobRecord:
    """Makes a verify job for up to ten named devices; the package is verifying from now on.

    Raises:
        ApiError: the package is verified or verifying, or a device cannot take it (control-plane reference §5.6).
    """
    package = packages.find_of_product(tx, instance_id, firmware_id, product_key)
    if package.status == PackageStatus.VERIFYING:
        raise ApiError(codes.IN_PROGRESS_VERIFY_JOB_EXISTED)
    if not PackageStatus(package.status).may_verify:
        raise ApiError(codes.VERIFY_FIRMWARE_FAILED)
    check_options(options)
    device_ids = _named_devices(tx, package, device_names, most=MOST_VERIFY_DEVICES)
    package_statements.set_status(tx, package.id, old=[package.status], new=PackageStatus.VERIFYING, now=now)
    return _create(
        tx,
        package,
        _values(options, type=JobType.VERIFY, target_selection="SPECIFIC", src_versions=[]),
        device_ids,
        limits=limits,
        now=now,
    )


def create_static(tx: Connection, new: NewStaticJob, *, instance_id: int, limits: EngineLimits, now: int) -> JobRecord:
    """Makes a static job for all devices of the package's product, or for named ones.

    The devices are those of this moment. A first portion has its tasks when this returns; a worker makes the others.

    Raises:
        ApiError: a value that is not allowed, or nothing to update (control-plane reference §5.7).
    """
    package = packages.find_of_product(tx, instance_id, new.firmware_id, new.product_key)
    if not PackageStatus(package.status).may_upgrade:
        raise ApiError(codes.FIRMWARE_NOT_VERIFIED)
    check_options(new.options)
    _check_selection(new)
    src_versions = _src_versions(package, new.src_versions)
    device_ids = None
    if new.target_selection == "SPECIFIC":
        device_ids = _named_devices(tx, package, new.device_names, most=MOST_NAMED_DEVICES)
    values = _values(
        new.options, type=JobType.UPGRADE, target_selection=new.target_selection, src_versions=src_versions
    )
    return _create(tx, package, values, device_ids, limits=limits, now=now)


def find(tx: Connection, instance_id: int, job_id: str) -> JobRecord:
    """The job of this JobId.

    Raises:
        ApiError: the instance has none.
    """
    if not job_id.strip():
        raise ApiError(codes.NULL_OTA_JOB_ID)
    job = statements.find(tx, instance_id, job_id)
    if job is None:
        raise ApiError(codes.INVALID_OTA_JOB_ID)
    return job


def check_options(options: JobOptions) -> None:
    """Checks what every kind of job can be told.

    Raises:
        ApiError: the documented error of the first value that is not allowed.
    """
    if options.timeout_minutes is not None and not 1 <= options.timeout_minutes <= _LONGEST_TIMEOUT_MINUTES:
        raise ApiError(codes.INVALID_TIMEOUT_SETTING)
    rate = options.maximum_per_minute
    if rate is not None and not _LEAST_PER_MINUTE <= rate <= _DEFAULT_PER_MINUTE:
        raise ApiError(codes.INVALID_MAXIMUM_PER_MINUTE)
    if options.overwrite_mode not in {None, _KEEP, selection.OVERWRITE} or (
        options.overwrite_mode == selection.OVERWRITE and options.multi_module
    ):
        raise ApiError(codes.INVALID_OVERWRITE_MODE)
    if options.download_protocol not in {None, "HTTPS"}:
        raise ApiError(
            codes.API_NOT_SUPPORTED_IN_INSTANCE, "DownloadProtocol is HTTPS: downloads over MQTT are not offered yet."
        )
    _check_tags(options.tags)


def _check_tags(tags: Mapping[str, str]) -> None:
    fits = all(_TAG_KEY.fullmatch(key) and _TAG_VALUE.fullmatch(value) for key, value in tags.items())
    characters = sum(len(key) + len(value) for key, value in tags.items())
    if len(tags) > _MOST_TAGS or not fits or characters > _MOST_TAG_CHARACTERS:
        raise ApiError(codes.INVALID_TAG)


def _check_selection(new: NewStaticJob) -> None:
    if not new.target_selection:
        raise ApiError(codes.NULL_TARGET_SELECTION)
    if new.target_selection not in _SELECTIONS:
        raise ApiError(codes.INVALID_TARGET_SELECTION)
    if new.target_selection in {"GRAY", "GROUP"}:
        raise ApiError(
            codes.API_NOT_SUPPORTED_IN_INSTANCE,
            f"TargetSelection {new.target_selection} is not offered yet: use ALL or SPECIFIC.",
        )
    if new.target_selection == "ALL" and new.device_names:
        raise ApiError(codes.TARGET_DEVICE_NAMES_NOT_ALLOWED)
    if new.target_selection == "SPECIFIC" and new.src_versions:
        raise ApiError(codes.SRC_VERSIONS_NOT_ALLOWED)
    if new.target_selection == "SPECIFIC" and not new.device_names:
        raise ApiError(codes.NULL_TARGET_DEVICE_NAMES)


def _src_versions(package: PackageRecord, given: Sequence[str]) -> list[str]:
    """The source versions that devices must have; empty when any will do."""
    if len(given) > MOST_SRC_VERSIONS:
        raise ApiError(codes.SRC_VERSIONS_SIZE_EXCEED_MAX)
    if not all(names.is_version(version) for version in given):
        raise ApiError(codes.INCORRECT_FORMATTED_SRC_VERSION)
    check_unique(given, "SrcVersion")
    if package.dest_version in given:
        raise ApiError(codes.SRC_DEST_VERSION_MATCHED)
    if package.type == packages.DIFFERENTIAL and package.src_version is not None:
        if len(given) > 1:
            raise ApiError(codes.MORE_THAN_ONE_SRC_VERSION)
        if given and given[0] != package.src_version:
            raise ApiError(codes.UPGRADE_SRC_VERSION_MISMATCH)
        return [package.src_version]
    return list(given)


def check_unique(items: Sequence[str], name: str) -> None:
    """Checks that a list repeats nothing.

    Raises:
        ApiError: it does; the sentence names the item.
    """
    seen: set[str] = set()
    for item in items:
        if item in seen:
            raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"{name} holds {item} twice; give each one once.")
        seen.add(item)


def _named_devices(tx: Connection, package: PackageRecord, device_names: Sequence[str], *, most: int) -> list[int]:
    """The keys of named devices, all of which must be able to take the package."""
    if not device_names:
        raise ApiError(codes.NULL_TARGET_DEVICE_NAMES)
    if len(device_names) > most:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"TargetDeviceName has at most {most} names.")
    check_unique(device_names, "TargetDeviceName")
    versions = device_statements.versions_by_name(tx, package.product_id, device_names, package.module)
    _refuse_any(codes.NOT_EXISTED_DEVICE, "does not exist", [name for name in device_names if name not in versions])
    _refuse_any(
        codes.NON_VERSIONED_DEVICE_IN_ARRAY,
        f"has not reported a version of the module {package.module}",
        [name for name, (_, version) in versions.items() if version is None],
    )
    _refuse_any(
        codes.DEVICE_WITH_DESTINATION_VERSION_IN_ARRAY,
        f"runs {package.dest_version} already",
        [name for name, (_, version) in versions.items() if version == package.dest_version],
    )
    if package.type == packages.DIFFERENTIAL:
        _refuse_any(
            codes.SRC_VERSION_MISMATCH,
            f"does not run {package.src_version}, the source version of the package",
            [name for name, (_, version) in versions.items() if version != package.src_version],
        )
    return [device_id for device_id, _ in versions.values()]


def _refuse_any(kind: ErrorKind, reason: str, found: Sequence[str]) -> None:
    if found:
        others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ApiError(kind, f"The device {found[0]}{others} {reason}.")


def _values(options: JobOptions, **values: Any) -> dict[str, Any]:
    return {
        "timeout_minutes": options.timeout_minutes,
        "maximum_per_minute": options.maximum_per_minute or _DEFAULT_PER_MINUTE,
        "overwrite_mode": options.overwrite_mode or _KEEP,
        "need_push": options.need_push,
        "need_confirm": options.need_confirm,
        "multi_module": options.multi_module,
        "download_protocol": options.download_protocol or "HTTPS",
        "tags": dict(options.tags),
        **values,
    }


def _create(
    tx: Connection,
    package: PackageRecord,
    values: Mapping[str, Any],
    device_ids: Sequence[int] | None,
    *,
    limits: EngineLimits,
    now: int,
) -> JobRecord:
    key = statements.insert(
        tx,
        {
            **values,
            "instance_id": package.instance_id,
            "product_id": package.product_id,
            "package_id": package.id,
            "job_id": identifiers.job_id(),
            "selection": "STATIC",
            "status": JobStatus.IN_PROGRESS,
            "selected_up_to": 0,
            "select_up_to": device_statements.highest_id(tx, package.product_id),
            "created_at": now,
            "modified_at": now,
            "started_at": now,
        },
    )
    job = statements.by_id(tx, key)
    if job is None:
        raise RuntimeError("A job that was made in this transaction is gone.")
    rule = selection.rule_of(job, package, up_to=job.select_up_to, device_ids=device_ids)
    if not selection_statements.any_device(tx, rule):
        raise ApiError(codes.NO_DEVICE_CAN_UPGRADE)
    selection.select_portion(tx, job, limits, now, device_ids)
    return job
