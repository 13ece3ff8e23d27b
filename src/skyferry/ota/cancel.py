"""CancelOTATaskByDevice: the call that this project started from."""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.ota import changes, jobs, packages, targets
from skyferry.ota.states import TaskEvent, TaskStatus, sources
from skyferry.store import cancelling as statements
from skyferry.store import devices as device_statements
from skyferry.store.dialect import see_commits
from skyferry.store.tasks import ChangedTask

MOST_DEVICES: Final = 200
_DESCRIPTION: Final = "canceled by CancelOTATaskByDevice"


class CancelScope(StrEnum):
    """Which tasks may be cancelled per device: the first reference or the newest one (control-plane §12, 3)."""

    PENDING = "pending"
    """What the device has not begun: CONFIRM, QUEUED, NOTIFIED."""
    OPEN = "open"
    """IN_PROGRESS too."""


_EVENTS: Final = {CancelScope.PENDING: TaskEvent.CANCEL_PENDING, CancelScope.OPEN: TaskEvent.CANCEL_OPEN}


def cancel_by_device(
    tx: Connection,
    *,
    instance_id: int,
    product_key: str,
    firmware_id: str,
    device_names: Sequence[str],
    job_id: str | None,
    scope: CancelScope,
    now: int,
) -> Sequence[ChangedTask]:
    """Cancels the tasks that named devices have for a package, as far as the scope goes, in one transaction.

    Names that cannot be cancelled do not hinder the others (control-plane reference §6.5; §12, 2).

    Raises:
        ApiError: nothing could be cancelled, or the request names something that does not exist. Nothing has changed.
    """
    if not 1 <= len(device_names) <= MOST_DEVICES:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"DeviceName holds 1 to {MOST_DEVICES} names.")
    see_commits(tx)  # notices go out and reports come in all the time: it waits for them, task by task
    targets.check_unique(device_names, "DeviceName")
    package = packages.find_of_product(tx, instance_id, firmware_id, product_key)
    only_job = None
    if job_id:
        job = jobs.find(tx, instance_id, job_id)
        if job.package_id != package.id:
            raise ApiError(codes.INVALID_OTA_JOB_ID, "The job belongs to another package than FirmwareId names.")
        only_job = job.id
    device_ids = device_statements.ids_by_name(tx, package.product_id, device_names).values()
    event = _EVENTS[scope]
    canceled = statements.cancel_of_devices(
        tx,
        device_ids,
        package_id=package.id,
        job_id=only_job,
        sources=sources(event),
        target=TaskStatus.CANCELED,
        description=_DESCRIPTION,
        now=now,
    )
    if not canceled:
        raise _nothing_to_cancel(tx, device_ids, package.id, only_job)
    changes.follow(
        tx,
        changes.alike(canceled, event, TaskStatus.CANCELED, at=now, description=_DESCRIPTION),
        now,
    )
    return canceled


def _nothing_to_cancel(tx: Connection, device_ids: Collection[int], package_id: int, job_id: int | None) -> ApiError:
    known = statements.statuses_of_devices(tx, device_ids, package_id=package_id, job_id=job_id)
    return ApiError(codes.INCORRECT_DEVICE_UPGRADE_JOB_STATUS if known else codes.DEVICE_UPGRADE_RECORD_NOT_FOUND)
