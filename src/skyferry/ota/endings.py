"""What follows when tasks end: their jobs may be complete, and with a verify job its package is verified or not."""

from collections.abc import Collection

from sqlalchemy import Connection

from skyferry.events import publishing
from skyferry.ota.states import JobStatus, JobType, PackageStatus, TaskEvent, TaskStatus
from skyferry.store import job_lifecycle, packages, task_counts


def end_finished_jobs(tx: Connection, job_ids: Collection[int], now: int) -> None:
    """Ends those of the jobs whose tasks have all ended (control-plane reference §7.2, §7.3; §12, 6)."""
    ended = job_lifecycle.end_finished(
        tx,
        job_ids,
        completed=JobStatus.COMPLETED,
        canceled=JobStatus.CANCELED,
        canceling=TaskEvent.CANCEL_OPEN.name,
        now=now,
    )
    publishing.publish_jobs(tx, [job.id for job in ended if job.moved], now)
    for job in ended:
        if job.type != JobType.VERIFY:
            continue
        counts = task_counts.count_by_status(tx, job.id)
        verified = set(counts) == {TaskStatus.SUCCEEDED}
        packages.set_status(
            tx,
            job.package_id,
            old=[PackageStatus.VERIFYING],
            new=PackageStatus.VERIFIED if verified else PackageStatus.FAILED,
            now=now,
        )
