"""What devices do (device-plane reference §2.11, §3), and what becomes of them."""

from tests.support.model.creation import Creation
from tests.support.model.records import MINUTE, Device, Job, Package, Task
from tests.support.model.words import (
    CANCELED,
    CONFIRM,
    DEFAULT,
    DYNAMIC,
    FAILED,
    IN_PROGRESS,
    NOTIFIED,
    OFFERED,
    OPEN,
    QUEUED,
    SUCCEEDED,
    UNFIT,
    VERIFY,
)

MOST_MATCHES = 10


class Reports(Creation):
    """Hears devices."""

    def register(self, name: str) -> None:
        """A new device, of which nothing is known."""
        self.devices[name] = Device()

    def delete(self, name: str, now: int) -> None:
        """The device is gone, with its tasks; jobs do not wait for it, and a verification without it is none (§5.6)."""
        del self.devices[name]
        for members in self.groups.values():
            members.discard(name)
        for job in self.jobs:
            gone = job.of_device(name)
            if job.kind == VERIFY and job.status == IN_PROGRESS and any(task.state != SUCCEEDED for task in gone):
                self.verification[job.package] = UNFIT
            job.tasks = [task for task in job.tasks if task.device != name]
        self._close_finished(now)

    def connect(self, name: str, now: int) -> None:
        """A new connection; an older one is replaced."""
        device = self.devices[name]
        device.online = True
        device.connection += 1
        for task in self._open(name):
            if task.job.options.push and task.state in {QUEUED, NOTIFIED}:
                task.due_at = max(now + self.connect_delay, self._ready_at(task))

    def disconnect(self, name: str) -> None:
        """The connection ends; what was due waits for the next one."""
        self.devices[name].online = False
        for task in self._open(name):
            task.due_at = None

    def restart(self) -> None:
        """The server has ended and begun again: no connection is left."""
        for name in self.devices:
            self.disconnect(name)

    def report_version(self, name: str, module: str, version: str, now: int) -> None:
        """The device runs this version of a module: tasks end or are pushed, and dynamic jobs will look at it."""
        before = self.devices[name].versions.get(module)
        self.devices[name].versions[module] = version
        for task in self._open(name, module):
            self._hear_version(task, version, before, now)
        self._close_finished(now)
        self.heard[name, module] = None

    def settle(self, now: int) -> None:
        """The end of what is heard together: dynamic jobs look at the devices that have reported, the newest first."""
        matches = [(self._dynamic_job_for(name, module), name) for name, module in self.heard if name in self.devices]
        self.heard = {}
        for job, name in sorted(
            ((job, name) for job, name in matches if job is not None),
            key=lambda match: self.jobs.index(match[0]),
            reverse=True,
        ):
            self._match(job, name, now)

    def store_ends(self, after: int, now: int) -> None:
        """A job ends when what has ended it is stored, with all that was heard in the same moment."""
        for job in self.jobs:
            if job.ended_at is not None and job.ended_at > after:
                job.ended_at = now

    def report_progress(self, name: str, module: str | None, step: int, now: int) -> None:
        """The device tells percent, or a failure. Before its job has started this is not about the task."""
        task = self._meant(name, module, OPEN)
        if task is None or task.state == CONFIRM or self._is_planned(task):
            return
        if step < 0:
            self._try_again_or_fail(task, now)
            self._close_finished(now)
            return
        task.state, task.due_at, task.retry_at = IN_PROGRESS, None, None
        if task.deadline is None and task.timeout is not None:
            task.deadline = now + task.timeout * MINUTE

    def pull(self, name: str, module: str | None, now: int) -> Package | None:
        """The device asks for a package and gets what is returned; what it has reported just before counts."""
        self.settle(now)
        task = self._meant(name, module, OFFERED)
        if task is None or self._is_held(task.job) or (task.retry_at is not None and now < task.retry_at):
            return None
        self._told(task, now)
        return task.job.package

    def lose_push(self, task: Task) -> None:
        """The notice did not reach the device."""
        if task.state == NOTIFIED:
            task.state = QUEUED
            task.pushes = max(task.pushes - 1, 0)

    # --- inside

    def _ready_at(self, task: Task) -> int:
        return max(task.retry_at or 0, task.told_at + self.delay(task.pushes))

    def _hear_version(self, task: Task, version: str, before: str | None, now: int) -> None:
        package = task.job.package
        if version == package.version:
            task.end(SUCCEEDED)
            return
        if package.source not in {None, version}:
            task.due_at = None
            if task.state == IN_PROGRESS:
                task.end(FAILED)
            return
        if version not in {task.source, before, *self._given_up(task)} and task.state == IN_PROGRESS:
            self._try_again_or_fail(task, now)
        if task.retry_at is not None:
            task.source = version
        if self._wants_push(task, now):
            task.due_at = max(now, self._ready_at(task))

    def _given_up(self, task: Task) -> set[str]:
        """The versions of updates that were cancelled or failed; the device may have gone on with one of them."""
        older = [other for other in self._tasks() if other.device == task.device and other.module == task.module]
        return {other.job.package.version for other in older if other.state in {FAILED, CANCELED}}

    def _try_again_or_fail(self, task: Task, now: int) -> None:
        """§6.8: the state stays while a further try waits; failures before it has begun belong to the same try."""
        options = task.job.options
        if task.retry_at is not None:
            return
        if options.retry_interval is None or task.tries >= options.retry_count:
            task.end(FAILED)
            return
        task.tries += 1
        task.pushes = 0
        task.retry_at = now + options.retry_interval * MINUTE
        task.due_at = task.retry_at if options.push and self.devices[task.device].online else None

    def _dynamic_job_for(self, name: str, module: str) -> Job | None:
        """The newest running dynamic job that is for what the device runs (§5.7, dynamic rules)."""
        running = [job for job in self.jobs if job.kind == DYNAMIC and job.status == IN_PROGRESS]
        fitting = [job for job in running if job.package.module == module and self.is_for(job, name)]
        return fitting[-1] if fitting else None

    def _match(self, job: Job, name: str, now: int) -> None:
        """The device gets a task, ten of one job at most, if it is not busy with another."""
        others = self._in_the_way(job, name)
        if len(job.of_device(name)) >= MOST_MATCHES or (others and not self._may_replace(job, others)):
            return
        self._replace(others)
        delay = self.delay(len(job.of_device(name)))
        task = self._add_task(job, name, now)
        if delay:
            task.retry_at = now + delay
            task.due_at = task.retry_at if task.due_at is not None else None
        self._close_finished(now)

    def _is_planned(self, task: Task) -> bool:
        return task.job.status == "PLANNED"

    def _meant(self, name: str, module: str | None, states: frozenset[str]) -> Task | None:
        candidates = [task for task in self._open(name) if task.state in states]
        for task in candidates:
            if task.module == (module or DEFAULT):
                return task
        return candidates[0] if module is None and len(candidates) == 1 else None

    def _wants_push(self, task: Task, now: int) -> bool:
        if not task.job.options.push or task.state not in OFFERED:
            return False
        if task.state == QUEUED or task.told_on != self.devices[task.device].connection:
            return True
        return task.state == NOTIFIED and now - task.told_at >= self.repush_after

    def _told(self, task: Task, now: int) -> None:
        task.due_at, task.told_at, task.retry_at = None, now, None
        task.told_on = self.devices[task.device].connection
        if task.state == QUEUED:
            task.state = NOTIFIED
