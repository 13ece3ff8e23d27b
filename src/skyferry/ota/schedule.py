"""ScheduleTime and ScheduleFinishTime: jobs start and end by the clock (control-plane reference §5.7; §12, 8 and 9)."""

from collections.abc import Sequence

from sqlalchemy import Connection

from skyferry.events import publishing
from skyferry.ota import endings, stopping, targets
from skyferry.ota.models import EngineLimits
from skyferry.ota.states import JobStatus, TaskEvent, TaskStatus
from skyferry.store import devices as device_statements
from skyferry.store import job_lifecycle as statements
from skyferry.store.tasks import ChangedTask


def start_due(tx: Connection, now: int, most: int) -> int:
    """Starts up to `most` jobs whose ScheduleTime has come, and tells how many.

    Tasks that named devices have already wait for nothing more than this; the other selections begin to look.
    """
    planned = statements.planned(tx, now, most)
    for job in planned:
        by_key = job.target_selection in targets.BY_KEY
        up_to = device_statements.highest_id(tx, job.product_id) if by_key else None
        statements.start(tx, job.id, status=JobStatus.IN_PROGRESS, select_up_to=up_to, now=now)
    publishing.publish_jobs(tx, [job.id for job in planned], now)
    endings.end_finished_jobs(tx, {job.id for job in planned}, now)
    return len(planned)


def finish_due(tx: Connection, limits: EngineLimits, now: int) -> Sequence[ChangedTask] | None:
    """Ends the oldest job whose ScheduleFinishTime has come; None when there is none.

    What its devices have not begun is cancelled, what they have begun runs on (control-plane reference §12, 8).
    """
    job = statements.next_finishing(tx, now)
    if job is None:
        return None
    statements.end(tx, job.id, status=JobStatus.COMPLETED, now=now)
    publishing.publish_jobs(tx, [job.id], now)
    return stopping.stop(tx, job, [*TaskStatus], TaskEvent.SCHEDULE_ENDED, limits=limits, now=now)
