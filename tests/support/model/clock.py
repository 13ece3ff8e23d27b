"""What happens by itself (control-plane reference §5.7, §6.7, §6.9; §12, 8)."""

from tests.support.model.records import Job, Task
from tests.support.model.reports import Reports
from tests.support.model.words import CANCELED, COMPLETED, FAILED, IN_PROGRESS, PENDING, PLANNED


class Clock(Reports):
    """Lets time pass."""

    def pass_time(self, now: int) -> None:
        """Fails what is overdue, ends what is over, starts what is planned unless it is over by then."""
        self._expire(now)
        started = [job for job in self.jobs if job.status == PLANNED and (job.target.start_at or 0) <= now]
        for job in started:
            job.status, job.selecting = IN_PROGRESS, True
        for job in self.jobs:
            if job.status == IN_PROGRESS and job.target.finish_at is not None and job.target.finish_at <= now:
                self._finish(job, now)
        for job in started:
            if job.status == IN_PROGRESS:
                self.select_at_start(job, now)

    def _expire(self, now: int) -> None:
        for task in self._tasks():
            if task.deadline is not None and task.deadline <= now:
                task.end(FAILED)
        self._close_finished(now)

    def _finish(self, job: Job, now: int) -> None:
        """What has not begun is cancelled, what has begun runs on (§12, 8)."""
        for task in job.open_tasks:
            if task.state in PENDING:
                task.end(CANCELED)
        job.selecting = False
        self._end_job(job, COMPLETED, now)

    def due(self, now: int) -> list[Task]:
        """The tasks whose push is to go out."""
        return [
            task
            for task in self._tasks()
            if task.due_at is not None and task.due_at <= now and not self._is_held(task.job)
        ]

    def moments(self) -> set[int]:
        """The moments for which something is planned."""
        jobs = [job for job in self.jobs if job.ended_at is None]
        of_jobs = [moment for job in jobs for moment in (job.target.start_at, job.target.finish_at)]
        of_tasks = [moment for task in self._tasks() for moment in (task.due_at, task.deadline, task.retry_at)]
        return {moment for moment in (*of_jobs, *of_tasks) if moment is not None}

    def dispatch(self, now: int) -> list[Task]:
        """Pushes what is due, and tells which tasks that was."""
        found = self.due(now)
        for task in found:
            self._told(task, now)
            task.pushes += 1
        return found
