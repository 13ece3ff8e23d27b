"""Tasks that a call names by TaskId: found or refused together, and pushed to as soon as they may be."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.ota import targets
from skyferry.ota.packages import DIFFERENTIAL
from skyferry.store import named_tasks as statements
from skyferry.store import presence
from skyferry.store.named_tasks import NamedTask

MOST_TASKS: Final = 10


def find(tx: Connection, instance_id: int, task_ids: Sequence[str], *, for_change: bool) -> Sequence[NamedTask]:
    """The tasks of these TaskIds, in their order; `for_change` locks them.

    Raises:
        ApiError: too many, one twice, or one that the instance does not have (control-plane reference §12, 4).
    """
    if len(task_ids) > MOST_TASKS:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"TaskId has at most {MOST_TASKS} entries.")
    targets.check_unique(task_ids, "TaskId")
    keys = [_key(task_id) for task_id in task_ids]
    known = statements.by_ids(tx, instance_id, keys, for_change=for_change)
    return [_checked(known.get(key), task_id) for key, task_id in zip(keys, task_ids, strict=True)]


def task_id_of(task: NamedTask) -> str:
    """The TaskId."""
    return identifiers.task_id(task.job_id, task.id)


def versions_of(tx: Connection, found: Sequence[NamedTask]) -> dict[int, str | None]:
    """The version that each task's device runs of the task's module, by the key of the task."""
    reported = presence.versions_of(tx, [task.device_id for task in found])
    return {task.id: reported.get((task.device_id, task.module)) for task in found}


def due_at_once(tx: Connection, found: Sequence[NamedTask], versions: dict[int, str | None]) -> set[int]:
    """The keys of the tasks whose push is due when they become QUEUED; the others wait for their devices.

    Call it with tasks that were found for a change: a device that comes online meanwhile is seen here or finds its
    task changed.
    """
    devices = presence.of_devices(tx, [task.device_id for task in found])
    return {
        task.id
        for task in found
        if task.need_push
        and (device := devices.get(task.device_id)) is not None
        and device.connection_id is not None
        and (task.package_type != DIFFERENTIAL or versions[task.id] == task.src_version)
    }


def _key(task_id: str) -> int:
    if not task_id.strip():
        raise ApiError(codes.NULL_TASK_ID)
    key = identifiers.task_key(task_id)
    if key is None:
        raise _unknown(task_id)
    return key


def _checked(task: NamedTask | None, task_id: str) -> NamedTask:
    """The row's key alone would do to name the row; only the whole identifier names the task."""
    if task is None or task_id_of(task) != task_id:
        raise _unknown(task_id)
    return task


def _unknown(task_id: str) -> ApiError:
    return ApiError(codes.INVALID_OTA_TASK_ID, f"There is no task {task_id}.")
