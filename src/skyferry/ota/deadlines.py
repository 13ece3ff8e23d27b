"""TimeoutInMinutes: tasks whose time since their first progress report is over (control-plane reference §6.9)."""

from typing import Any, Final

from sqlalchemy import Connection

from skyferry.ota import changes
from skyferry.ota.states import TaskEvent, TaskStatus, after
from skyferry.store import tasks as statements

_DESCRIPTION: Final = "timeout"


def end_overdue(tx: Connection, now: int, most: int) -> int:
    """Fails up to `most` tasks whose time is over, and tells how many were looked at."""
    overdue = statements.overdue(tx, now, most)
    ended: list[changes.TaskChange] = []
    for task, status in overdue:
        target = after(TaskStatus(status), TaskEvent.TIMED_OUT)
        values: dict[str, Any] = {"deadline_at": None, "modified_at": now}
        if target is not None:
            values |= {"status": target, "description": _DESCRIPTION, "dispatch_at": None}
            ended += changes.alike([task], TaskEvent.TIMED_OUT, target, at=now, description=_DESCRIPTION)
        statements.change(tx, [task.id], sources=[status], values=values)
    changes.follow(tx, ended, now)
    return len(overdue)
