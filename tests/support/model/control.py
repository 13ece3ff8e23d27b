"""What applications do to jobs and tasks (control-plane reference §5.8, §6.3-6.5)."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.support.model.creation import Creation
from tests.support.model.records import Job, Package, Policy, Task
from tests.support.model.words import (
    ALREADY_CANCELED,
    AT_TARGET,
    BAD_TIMEOUT,
    CANCELED,
    CONFIRM,
    DYNAMIC,
    FAILED,
    IN_PROGRESS,
    JOB_HAS_ENDED,
    NO_FLAG,
    NO_SCHEDULE,
    NOT_DYNAMIC,
    NOT_NEEDED,
    NOT_PAUSED,
    NOT_VERIFIED_AGAIN,
    NOTHING_TO_CANCEL,
    NOTIFIED,
    OPEN,
    OTHER_KIND,
    PAUSED_ALREADY,
    PENDING,
    PLANNED,
    QUEUED,
    SOURCES_NOT_ALLOWED,
    SPECIFIC,
    STATIC,
    UNFIT_JOB,
    UNKNOWN_TASK,
    VERIFIED,
    VERIFY,
    WRONG_RECORD,
    WRONG_SOURCE,
    WRONG_TASK_STATUS,
    RefusedError,
)


@dataclass(frozen=True)
class Flags:
    """What CancelOTATaskByJob is told; None is a flag that was not sent."""

    scheduled: bool | None = None
    queued: bool | None = None
    notified: bool | None = None
    in_progress: bool | None = None
    unconfirmed: bool | None = None

    @property
    def states(self) -> frozenset[str]:
        """The states that are cancelled (§6.5): tasks to be confirmed go with the queued ones unless told otherwise."""
        unconfirmed = self.queued if self.unconfirmed is None else self.unconfirmed
        told = {QUEUED: self.queued, NOTIFIED: self.notified, IN_PROGRESS: self.in_progress, CONFIRM: unconfirmed}
        return frozenset(state for state, wanted in told.items() if wanted)


class Control(Creation):
    """Cancels, confirms, runs again, changes."""

    def cancel(
        self, package: Package, names: Iterable[str], job: Job | None, now: int, *, in_progress_too: bool = False
    ) -> None:
        """CancelOTATaskByDevice (§12, 2 and 3)."""
        wanted = set(names)
        known = [
            task
            for task in self._tasks()
            if task.device in wanted and task.job.package == package and (job is None or task.job is job)
        ]
        found = [task for task in known if task.state in (OPEN if in_progress_too else PENDING)]
        if not found:
            raise RefusedError(WRONG_RECORD if known else NOTHING_TO_CANCEL)
        for task in found:
            task.end(CANCELED)
        self._close_finished(now)

    def cancel_job(self, job: Job, flags: Flags, now: int) -> None:
        """CancelOTATaskByJob (§6.5; §12, 5-7): a job of which the call leaves nothing is CANCELED.

        A dynamic job waits for more devices, and so does a planned one that does not name them.
        """
        if all(value is None for value in dataclasses.astuple(flags)):
            raise RefusedError(NO_FLAG)
        if job.status == CANCELED and job.ended_at is not None:
            raise RefusedError(ALREADY_CANCELED)
        if flags.scheduled and job.target.start_at is None:
            raise RefusedError(NO_SCHEDULE)
        whole = bool(flags.scheduled) and job.status == PLANNED
        for task in job.open_tasks:
            if whole or task.state in flags.states:
                task.end(CANCELED)
        waits = job.kind == DYNAMIC or (job.status == PLANNED and job.target.selection != SPECIFIC)
        emptied = bool(flags.states) and not job.open_tasks and not waits
        if job.status in {PLANNED, IN_PROGRESS} and (whole or emptied):
            self._end_job(job, CANCELED, now)
        self._close_finished(now)

    def cancel_strategy(self, job: Job, now: int) -> None:
        """CancelOTAStrategyByJob: no device is added any more; tasks go on (§12, 14)."""
        if job.kind != DYNAMIC:
            raise RefusedError(NOT_DYNAMIC)
        if job.status == CANCELED:
            raise RefusedError(ALREADY_CANCELED)
        job.status = CANCELED
        self._close_finished(now)

    def confirm(self, tasks: Sequence[Task | None], now: int) -> None:
        """ConfirmOTATask: all or none (§6.3; §12, 4). None stands for a task that there is not."""
        found = self._known(tasks)
        if any(task.state != CONFIRM or not self._is_in_window(task.job, now) for task in found):
            raise RefusedError(WRONG_TASK_STATUS)
        for task in found:
            task.state = QUEUED
            self._push_soon(task, now)

    def reupgrade(self, job: Job, tasks: Sequence[Task | None], now: int) -> None:
        """ReupgradeOTATask: all or none, as if made now, in a job that runs again (§6.4; §12, 4, 12 and 13)."""
        found = self._rerunnable(job, tasks, now)
        others = [other for task in found for other in self._in_the_way(job, task.device)]
        if others and not self._takes_over(job, others):
            raise RefusedError(WRONG_TASK_STATUS)
        self._replace(others)
        for task in found:
            task.begin_again(
                CONFIRM if job.options.confirm else QUEUED, self.devices[task.device].versions[task.module]
            )
            self._push_soon(task, now)
        if job.kind == STATIC and job.status != PLANNED:
            job.status = IN_PROGRESS
        if job.status != PLANNED:
            job.ended_at = None
        self._close_finished(now)

    def update(self, job: Job, kind: str, *, timeout: int | None, sources: Sequence[str]) -> None:
        """UpdateOTAJob: timeout and versions count for devices that a dynamic job finds from now on (§5.8)."""
        if job.kind == VERIFY:
            raise RefusedError(UNFIT_JOB)
        if job.kind != kind:
            raise RefusedError(OTHER_KIND)
        if job.policy is not None:
            self._check_policy_update(job, job.policy, timeout, sources)
        if job.status not in {PLANNED, IN_PROGRESS}:
            raise RefusedError(ALREADY_CANCELED if job.status == CANCELED else UNFIT_JOB)
        if job.policy is not None and timeout is not None:
            job.options = dataclasses.replace(job.options, timeout_minutes=timeout)
        if job.policy is not None and sources:
            job.policy = dataclasses.replace(job.policy, sources=tuple(sources))

    def pause(self, job: Job) -> None:
        """PauseOTAJob: nothing is offered until the job is resumed; what devices do goes on."""
        self._check_goes_on(job)
        if job.paused:
            raise RefusedError(PAUSED_ALREADY)
        job.paused = True

    def resume(self, job: Job) -> None:
        """ResumeOTAJob: what waited goes out."""
        self._check_goes_on(job)
        if not job.paused:
            raise RefusedError(NOT_PAUSED)
        job.paused = False

    # --- inside

    @staticmethod
    def _check_goes_on(job: Job) -> None:
        if job.ended_at is not None:
            raise RefusedError(JOB_HAS_ENDED)

    def _rerunnable(self, job: Job, tasks: Sequence[Task | None], now: int) -> list[Task]:
        if self.status_of(job.package) not in {NOT_NEEDED, VERIFIED}:
            raise RefusedError(NOT_VERIFIED_AGAIN)
        if job.kind == VERIFY:
            raise RefusedError(UNFIT_JOB)
        if job.target.finish_at is not None and now >= job.target.finish_at:
            raise RefusedError(WRONG_TASK_STATUS)
        found = self._known(tasks)
        for task in found:
            if task.job is not job:
                raise RefusedError(UNKNOWN_TASK)
            if task.state not in {FAILED, CANCELED}:
                raise RefusedError(WRONG_TASK_STATUS)
        self._check_devices(found)
        return found

    def _check_policy_update(self, job: Job, policy: Policy, timeout: int | None, sources: Sequence[str]) -> None:
        interval = job.options.retry_interval
        if timeout is not None and interval is not None and timeout <= interval:
            raise RefusedError(BAD_TIMEOUT)
        if sources and policy.group is not None:
            raise RefusedError(SOURCES_NOT_ALLOWED)
        self._check_source_versions(job.package, sources)

    def _check_devices(self, tasks: Sequence[Task]) -> None:
        """Each device once, and able to take the package with what it runs now."""
        seen: set[str] = set()
        for task in tasks:
            version, package = self.devices[task.device].versions[task.module], task.job.package
            if task.device in seen:
                raise RefusedError(WRONG_TASK_STATUS)
            if version == package.version:
                raise RefusedError(AT_TARGET)
            if package.source not in {None, version}:
                raise RefusedError(WRONG_SOURCE)
            seen.add(task.device)

    @staticmethod
    def _known(tasks: Sequence[Task | None]) -> list[Task]:
        found = [task for task in tasks if task is not None]
        if len(found) < len(tasks):
            raise RefusedError(UNKNOWN_TASK)
        return found

    @staticmethod
    def _is_in_window(job: Job, now: int) -> bool:
        """§6.3: a scheduled job is confirmed between its two times."""
        start, finish = job.target.start_at, job.target.finish_at
        return (start is None or start <= now) and (finish is None or now < finish)
