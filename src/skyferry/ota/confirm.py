"""ConfirmOTATask: the go-ahead that a job with NeedConfirm waits for on each device (control-plane reference §6.3)."""

from collections.abc import Sequence

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.ota import changes, named_tasks
from skyferry.ota.states import JobStatus, TaskEvent, TaskStatus, after, sources
from skyferry.store import tasks as statements
from skyferry.store.dialect import see_commits
from skyferry.store.named_tasks import NamedTask
from skyferry.store.tasks import ChangedTask


def confirm(tx: Connection, *, instance_id: int, task_ids: Sequence[str], now: int) -> None:
    """Confirms tasks, all or none: they are QUEUED, and devices that are online hear of them now.

    Raises:
        ApiError: a task does not exist, waits for no confirmation, or cannot be confirmed now (§6.3; §12, 4).
    """
    see_commits(tx)  # reports change tasks all the time: it waits for them
    found = named_tasks.find(tx, instance_id, task_ids, for_change=True)
    for task in found:
        _check(task, now)
    due = named_tasks.due_at_once(tx, found, named_tasks.versions_of(tx, found))
    for dispatch_at in (now, None):
        keys = [task.id for task in found if (task.id in due) == (dispatch_at is not None)]
        values = {"status": TaskStatus.QUEUED, "dispatch_at": dispatch_at, "modified_at": now}
        changed = statements.change(tx, keys, sources=sources(TaskEvent.CONFIRMED), values=values)
        if changed != len(keys):
            raise RuntimeError(f"{len(keys)} tasks were to be confirmed and {changed} were.")
    confirmed = [ChangedTask(task.id, task.job_key, task.device_id) for task in found]
    changes.follow(tx, changes.alike(confirmed, TaskEvent.CONFIRMED, TaskStatus.QUEUED, at=now), now)


def _check(task: NamedTask, now: int) -> None:
    status = TaskStatus(task.status)
    name = named_tasks.task_id_of(task)
    if after(status, TaskEvent.CONFIRMED) is None:
        raise ApiError(codes.INVALID_TASK_STATUS, f"The task {name} is {status.name}: it waits for no confirmation.")
    if task.job_status == JobStatus.PLANNED and task.schedule_at is not None and now < task.schedule_at:
        raise ApiError(
            codes.INVALID_TASK_STATUS, f"The job of the task {name} has not begun: confirm it after its ScheduleTime."
        )
    if task.finish_at is not None and now >= task.finish_at:
        raise ApiError(codes.INVALID_TASK_STATUS, f"The time of the task {name} is over: its ScheduleFinishTime came.")
    if status in (task.ending_states or ()):
        raise ApiError(codes.INVALID_TASK_STATUS, f"The task {name} is being canceled with its job.")
