"""Sends what is due: claims tasks within their jobs' rates and makes the notices.

The claim is committed before anything is sent. A server that dies in between has told nobody twice; the device comes
back on a new connection and is pushed to again.
"""

from sqlalchemy import Connection

from skyferry.bus.messages import Notice
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import changes, notices, rate
from skyferry.ota.states import TRANSITIONS, TaskEvent, TaskStatus, sources
from skyferry.store import jobs as job_statements
from skyferry.store import tasks as statements
from skyferry.store.jobs import JobRecord


def claim_due(tx: Connection, urls: DownloadUrls, now: int, most: int) -> list[Notice]:
    """Claims up to `most` tasks whose push is due, and returns the pushes to send."""
    claimed: list[Notice] = []
    for job in job_statements.due(tx, now):
        if len(claimed) >= most:
            break
        claimed += _claim_of_job(tx, job, urls, now, most - len(claimed))
    return claimed


def _claim_of_job(tx: Connection, job: JobRecord, urls: DownloadUrls, now: int, most: int) -> list[Notice]:
    allowed = rate.allowance(job.maximum_per_minute, job.next_push_at, now)
    due = statements.take_due(tx, job.id, sources=sources(TaskEvent.PUSHED), now=now, limit=min(most, allowed.count))
    by_status: dict[int, list[statements.ChangedTask]] = {}
    for task, status in due:
        by_status.setdefault(status, []).append(task)
    moved: list[changes.TaskChange] = []
    for status, members in by_status.items():
        pushed = TRANSITIONS[TaskEvent.PUSHED][TaskStatus(status)]
        changed = statements.change(
            tx,
            [task.id for task in members],
            sources=[status],
            values={"status": pushed, "dispatch_at": None, "retry_at": None, "notified_at": now, "modified_at": now},
        )
        if changed != len(members):
            raise RuntimeError(f"{len(members)} tasks were claimed and {changed} changed.")
        if pushed != status:
            moved += changes.alike(members, TaskEvent.PUSHED, pushed, at=now)
    changes.follow(tx, moved, now)
    job_statements.spend_rate(tx, job.id, allowed.next_push_at(len(due)))
    return notices.pushes(notices.offer(tx, job, urls, now), [(task.id, task.device_id) for task, _ in due], now)
