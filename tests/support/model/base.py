"""Everything that the model holds, and the rules that all parts of it share."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.support.model.records import MINUTE, Device, Job, Package, Task
from tests.support.model.words import (
    CANCELED,
    COMPLETED,
    CONFIRM,
    DYNAMIC,
    FAILED,
    IN_PROGRESS,
    NOT_NEEDED,
    PENDING,
    PLANNED,
    QUEUED,
    SUCCEEDED,
    UNFIT,
    VERIFIED,
    VERIFY,
    VERIFYING,
)

GrayChoice = Callable[[Job], Collection[str]]


@dataclass
class Base:
    """Everything there is.

    Attributes:
        connect_delay: after this long a device that connected and reported nothing is pushed to all the same.
        repush_after: after this long a version report on the same connection brings a second push.
        patience: so often a device is pushed the same task, or gets a task of the same dynamic job, without a delay.
        backoff: the first delay after that; it doubles from one to the next.
        portion: so many names of a list file are looked at before the answer; nobody among them is no error if it is
            longer.
        gray_choice: which devices the server took for a job's share; the rules leave that to it.
        devices: in the order in which they were registered.
        verification: the status of packages that need verification; others need none.
        groups: the members of each group.
        heard: devices and modules of which a version was reported that no dynamic job has looked at yet.
    """

    connect_delay: int
    repush_after: int
    patience: int = 3
    backoff: int = 60_000
    portion: int = 1_000
    gray_choice: GrayChoice | None = None
    devices: dict[str, Device] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    verification: dict[Package, int] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    heard: dict[tuple[str, str], None] = field(default_factory=dict)

    def delay(self, times: int) -> int:
        """How long a device is left alone after so many attempts in vain (DESIGN rule 8): six hours at most."""
        return min(self.backoff * 2 ** (times - self.patience), 360 * MINUTE) if times >= self.patience else 0

    def status_of(self, package: Package) -> int:
        return self.verification.get(package, NOT_NEEDED)

    def verify_progress(self, package: Package) -> int:
        """VerifyProgress while a verification runs (§12, 21): how many of its tasks have ended, in percent."""
        job = next(job for job in reversed(self.jobs) if job.kind == VERIFY and job.package == package)
        return 100 * (len(job.tasks) - len(job.open_tasks)) // len(job.tasks)

    def open_tasks(self) -> Mapping[tuple[str, str], list[Task]]:
        """The open tasks by device and module: there is never more than one."""
        found: dict[tuple[str, str], list[Task]] = {}
        for task in self._tasks():
            if task.is_open:
                found.setdefault((task.device, task.module), []).append(task)
        return found

    # --- for the parts

    def _tasks(self) -> Iterator[Task]:
        return (task for job in self.jobs for task in job.tasks)

    def _open(self, name: str, module: str | None = None) -> list[Task]:
        return [
            task for task in self._tasks() if task.device == name and task.is_open and module in {None, task.module}
        ]

    def _can_update(self, name: str, package: Package) -> bool:
        """The device has told its version, which is not the target; a differential package fits one version only."""
        version = self.devices[name].versions.get(package.module)
        return version not in {None, package.version} and package.source in {None, version}

    def _in_the_way(self, job: Job, name: str) -> list[Task]:
        """A device is in one job at a time, or a module of it is (§5.7 rule 4)."""
        return self._open(name, job.package.module if job.options.multi_module else None)

    @staticmethod
    def _takes_over(job: Job, others: Iterable[Task]) -> bool:
        """§6.10: a job that may overwrite replaces what has not begun."""
        told_to = job.options.overwrite == 2 or job.options.multi_module
        return told_to and all(other.state in PENDING for other in others)

    def _may_replace(self, job: Job, others: Iterable[Task]) -> bool:
        """Of older jobs only: a job that finds its devices late does not undo what a newer one has done."""
        older = self.jobs[: self.jobs.index(job)]
        return self._takes_over(job, others) and all(other.job in older for other in others)

    @staticmethod
    def _replace(others: Iterable[Task]) -> None:
        for other in others:
            other.end(CANCELED)

    def _add_tasks(self, job: Job, names: Iterable[str], now: int) -> None:
        """Tasks of a new job; a device that is in another one fails at once or is taken over (§6.10)."""
        for name in names:
            task = self._add_task(job, name, now)
            others = [other for other in self._in_the_way(job, name) if other is not task]
            if not others:
                continue
            if self._may_replace(job, others):
                self._replace(others)
            else:
                task.end(FAILED)

    def _add_task(self, job: Job, name: str, now: int) -> Task:
        device = self.devices[name]
        state = CONFIRM if job.options.confirm else QUEUED
        task = Task(job, name, device.versions[job.package.module], state, job.options.timeout_minutes)
        job.tasks.append(task)
        self._push_soon(task, now)
        return task

    def _push_soon(self, task: Task, now: int) -> None:
        """A device that is online is pushed to at once, if the package is for what it runs."""
        device = self.devices[task.device]
        fits = task.job.package.source in {None, device.versions.get(task.module)}
        if task.state == QUEUED and task.job.options.push and device.online and fits:
            task.due_at = now

    def _is_held(self, job: Job) -> bool:
        """Nothing is offered before the start and while the job is paused."""
        return job.status == PLANNED or job.paused

    def _end_job(self, job: Job, status: str, now: int) -> None:
        job.status, job.ended_at = status, now
        if job.kind == VERIFY and self.status_of(job.package) == VERIFYING:
            good = all(task.state == SUCCEEDED for task in job.tasks)
            self.verification[job.package] = VERIFIED if good else UNFIT

    def _close_finished(self, now: int) -> None:
        """A job whose tasks have all ended is complete; a dynamic one ends only after its policy (§7.2)."""
        for job in self.jobs:
            if job.open_tasks or job.selecting:
                continue
            if job.status == IN_PROGRESS and job.kind != DYNAMIC:
                self._end_job(job, COMPLETED, now)
            elif job.status == CANCELED and job.ended_at is None:
                job.ended_at = now
