"""What follows a change of tasks, whoever made it: history, counts, messages, withdrawn pushes, ended jobs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry.events import publishing
from skyferry.events.models import Happening, TaskMoved
from skyferry.ota import endings, tallies
from skyferry.ota.states import TaskEvent, TaskStatus
from skyferry.ota.tallies import Ending
from skyferry.store import history
from skyferry.store.engine import announce
from skyferry.store.tasks import ChangedTask

MOVED: Final = "ota.tasks_moved"
"""What a transaction announces in which something happened to tasks, with event and state for each."""
ENDED: Final = "ota.tasks_ended"
"""What a transaction announces that ended tasks, with key of the device and key of the task for each."""


@dataclass(frozen=True, slots=True)
class TaskChange:
    """Something happened to a task.

    Attributes:
        task_id: key of the task.
        job_id: key of its job.
        device_id: key of its device.
        event: what happened.
        status: the state that the task has since; the former one when a try failed that is repeated.
        description: what the task says of it; empty when there is nothing to say.
        at: when, in milliseconds since the Unix epoch.
    """

    task_id: int
    job_id: int
    device_id: int
    event: TaskEvent
    status: TaskStatus
    description: str
    at: int


def alike(
    changed: Iterable[ChangedTask], event: TaskEvent, status: TaskStatus, *, at: int, description: str = ""
) -> list[TaskChange]:
    """The same change of several tasks."""
    return [TaskChange(task.id, task.job_id, task.device_id, event, status, description, at) for task in changed]


def follow(tx: Connection, changes: Sequence[TaskChange], now: int, *, seen: Sequence[Happening] = ()) -> None:
    """Does what changes of tasks bring with them; call it once, in the transaction that made them.

    Args:
        tx: the transaction.
        changes: what happened to tasks.
        now: the time now.
        seen: what else happened to their devices, to be told in one row with it.
    """
    history.insert(
        tx,
        [
            {
                "task_id": change.task_id,
                "at": change.at,
                "status": change.status,
                "event": change.event.name,
                "description": change.description,
            }
            for change in changes
        ],
    )
    if changes:
        announce(tx, MOVED, *((change.event.name, change.status.name) for change in changes))
    publishing.publish(tx, [*seen, *_moves(changes)], now)
    ended = [change for change in changes if not change.status.is_open]
    if ended:
        announce(tx, ENDED, *((change.device_id, change.task_id) for change in ended))
    tallies.note_endings(tx, [Ending(item.job_id, item.status, item.description, item.at) for item in ended])
    endings.end_finished_jobs(tx, {change.job_id for change in ended}, now)


def _moves(changes: Iterable[TaskChange]) -> Iterable[TaskMoved]:
    """The changes of state; a try that failed and is repeated is none."""
    return (
        TaskMoved(change.task_id, change.status.name, not change.status.is_open, change.description, change.at)
        for change in changes
        if change.event is not TaskEvent.TRY_FAILED
    )
