"""A small model of packages, jobs, tasks and devices, for the stateful tests of the engine and of the whole server.

It is written from the control-plane reference §5.6-5.7, §6.3-6.10 and §7 and the device-plane reference §2.11 and §3,
and shares nothing with the server: states are the words of the API, refusals its codes, times milliseconds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

CONFIRM, QUEUED, NOTIFIED, IN_PROGRESS = "CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"
SUCCEEDED, FAILED, CANCELED = "SUCCEEDED", "FAILED", "CANCELED"
COMPLETED: Final = "COMPLETED"
PENDING: Final = frozenset({CONFIRM, QUEUED, NOTIFIED})
OPEN: Final = PENDING | {IN_PROGRESS}
OFFERED: Final = frozenset({QUEUED, NOTIFIED, IN_PROGRESS})
DEFAULT: Final = "default"

NO_DEVICE: Final = "iot.firmware.NoDeviceCanUpgrade"
NOT_VERSIONED: Final = "iot.firmware.NonVersionedDeviceInArray"
AT_TARGET: Final = "iot.firmware.DeviceWithDestinationVersionInArray"
WRONG_SOURCE: Final = "iot.firmware.SrcVersionMismatch"
NOTHING_TO_CANCEL: Final = "iot.firmware.DeviceUpgradeRecordNotFound"
WRONG_TASK_STATUS: Final = "iot.firmware.InvalidTaskStatus"
ALREADY_CANCELED: Final = "iot.firmware.JobAlreadyCanceled"
WRONG_STATUS: Final = "iot.firmware.IncorrectDeviceUpgradeJobStatus"


class RefusedError(Exception):
    """The request is refused with this code and changes nothing."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Package:
    """A package; `source` is set when it is a differential one."""

    version: str
    module: str = DEFAULT
    source: str | None = None


@dataclass(frozen=True)
class Options:
    """What a job can be told."""

    overwrite: int = 1
    push: bool = True
    confirm: bool = False
    multi_module: bool = False
    timeout_minutes: int | None = None


@dataclass
class Task:
    """One device in one job.

    Attributes:
        source: the version of the module when the task was made.
        due_at: when the next push goes out; None when none is to.
        told_at: when the device last got the package,
        told_on: and on which of its connections.
        deadline: when the task fails; set by the first progress.
    """

    job: "Job"
    device: str
    source: str
    state: str
    due_at: int | None = None
    told_at: int = 0
    told_on: int | None = None
    deadline: int | None = None

    @property
    def module(self) -> str:
        return self.job.package.module

    def end(self, state: str) -> None:
        self.state, self.due_at, self.deadline = state, None, None


@dataclass(eq=False)
class Job:
    """A job and its tasks by the device's name; `end` is its status when none of them is open."""

    package: Package
    options: Options
    tasks: dict[str, Task] = field(default_factory=dict)
    end: str = COMPLETED

    @property
    def status(self) -> str:
        return IN_PROGRESS if any(task.state in OPEN for task in self.tasks.values()) else self.end

    @property
    def overwrites(self) -> bool:
        """Whether its tasks may replace others."""
        return self.options.overwrite == 2 or self.options.multi_module

    @property
    def states(self) -> dict[str, str]:
        return {name: task.state for name, task in self.tasks.items()}


@dataclass
class Device:
    """A device: the versions that it has reported, and its connection."""

    versions: dict[str, str] = field(default_factory=dict)
    online: bool = False
    connection: int = 0


@dataclass
class Model:
    """Everything, and how it changes.

    Attributes:
        connect_delay: after this long a device that connected and reported nothing is pushed to all the same.
        repush_after: after this long a version report on the same connection brings a second push.
    """

    connect_delay: int
    repush_after: int
    devices: dict[str, Device] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)

    # --- the application

    def create_job(self, package: Package, names: Sequence[str], options: Options, now: int) -> Job:
        """A static job for named devices, or for all when none is named."""
        chosen = self._named(package, names) if names else self._all(package)
        job = Job(package, options)
        for name in chosen:
            job.tasks[name] = self._new_task(job, name, now)
        self.jobs.append(job)
        return job

    def cancel(self, package: Package, names: Iterable[str], job: Job | None, *, in_progress_too: bool = False) -> None:
        """CancelOTATaskByDevice."""
        wanted = set(names)
        known = [
            task
            for task in self._tasks()
            if task.device in wanted and task.job.package == package and (job is None or task.job is job)
        ]
        found = [task for task in known if task.state in (OPEN if in_progress_too else PENDING)]
        if not found:
            raise RefusedError(WRONG_STATUS if known else NOTHING_TO_CANCEL)
        for task in found:
            task.end(CANCELED)

    def cancel_job(self, job: Job, states: frozenset[str]) -> None:
        """CancelOTATaskByJob."""
        if job.status == CANCELED:
            raise RefusedError(ALREADY_CANCELED)
        running = job.status == IN_PROGRESS
        for task in job.tasks.values():
            if task.state in states:
                task.end(CANCELED)
        if running and job.status != IN_PROGRESS:
            job.end = CANCELED

    def confirm(self, tasks: Sequence[Task], now: int) -> None:
        """ConfirmOTATask."""
        if any(task.state != CONFIRM for task in tasks):
            raise RefusedError(WRONG_TASK_STATUS)
        for task in tasks:
            self._release(task, now)

    def rerun(self, tasks: Sequence[Task], now: int) -> None:
        """ReupgradeOTATask, of tasks of one job."""
        if any(task.state not in {FAILED, CANCELED} for task in tasks):
            raise RefusedError(WRONG_TASK_STATUS)
        for task in tasks:
            version, package = self.devices[task.device].versions[task.module], task.job.package
            if version == package.version:
                raise RefusedError(AT_TARGET)
            if package.source not in {None, version}:
                raise RefusedError(WRONG_SOURCE)
        others = [other for task in tasks for other in self._in_the_way(task.job, task.device)]
        if others and not (tasks[0].job.overwrites and all(other.state in PENDING for other in others)):
            raise RefusedError(WRONG_TASK_STATUS)
        for other in others:
            other.end(CANCELED)
        for task in tasks:
            task.source = self.devices[task.device].versions[task.module]
            task.told_at, task.told_on, task.job.end = 0, None, COMPLETED
            if task.job.options.confirm:
                task.state = CONFIRM
            else:
                self._release(task, now)

    # --- the devices

    def connect(self, name: str, now: int) -> None:
        """A new connection; an older one is replaced."""
        device = self.devices[name]
        device.online = True
        device.connection += 1
        for task in self._open(name):
            if task.job.options.push and task.state in {QUEUED, NOTIFIED}:
                task.due_at = now + self.connect_delay

    def disconnect(self, name: str) -> None:
        """The connection ends; what was due waits for the next one."""
        self.devices[name].online = False
        for task in self._open(name):
            task.due_at = None

    def report_version(self, name: str, module: str, version: str, now: int) -> None:
        """The device runs this version of a module."""
        self.devices[name].versions[module] = version
        for task in self._open(name, module):
            if version == task.job.package.version:
                task.end(SUCCEEDED)
            elif version != task.source and task.state == IN_PROGRESS:
                task.end(FAILED)
            elif task.job.package.source not in {None, version}:
                task.due_at = None
            elif self._wants_push(task, now):
                task.due_at = now

    def report_progress(self, name: str, module: str | None, step: int, now: int) -> None:
        """The device tells percent, or a failure."""
        task = self._meant(name, module, OPEN)
        if task is None or task.state == CONFIRM:
            return
        if step < 0:
            task.end(FAILED)
            return
        task.state, task.due_at = IN_PROGRESS, None
        timeout = task.job.options.timeout_minutes
        if task.deadline is None and timeout is not None:
            task.deadline = now + timeout * 60_000

    def pull(self, name: str, module: str | None, now: int) -> Package | None:
        """The device asks for a package and gets what is returned."""
        task = self._meant(name, module, OFFERED)
        if task is None:
            return None
        self._told(task, now)
        return task.job.package

    def lose_push(self, task: Task) -> None:
        """The notice did not reach the device."""
        if task.state == NOTIFIED:
            task.state = QUEUED

    # --- time

    def expire(self, now: int) -> None:
        """Fails what is overdue."""
        for task in self._tasks():
            if task.deadline is not None and task.deadline <= now:
                task.end(FAILED)

    def dispatch(self, now: int) -> list[Task]:
        """Pushes what is due, and tells which tasks that was."""
        due = [task for task in self._tasks() if task.due_at is not None and task.due_at <= now]
        for task in due:
            self._told(task, now)
        return due

    # --- what always holds

    def open_tasks(self) -> Mapping[tuple[str, str], list[Task]]:
        """The open tasks by device and module."""
        found: dict[tuple[str, str], list[Task]] = {}
        for task in self._tasks():
            if task.state in OPEN:
                found.setdefault((task.device, task.module), []).append(task)
        return found

    # --- inside

    def _tasks(self) -> Iterator[Task]:
        return (task for job in self.jobs for task in job.tasks.values())

    def _open(self, name: str, module: str | None = None) -> list[Task]:
        return [
            task
            for task in self._tasks()
            if task.device == name and task.state in OPEN and module in {None, task.module}
        ]

    def _meant(self, name: str, module: str | None, states: frozenset[str]) -> Task | None:
        candidates = [task for task in self._open(name) if task.state in states]
        for task in candidates:
            if task.module == (module or DEFAULT):
                return task
        return candidates[0] if module is None and len(candidates) == 1 else None

    def _all(self, package: Package) -> list[str]:
        chosen = [
            name
            for name, device in self.devices.items()
            if (version := device.versions.get(package.module)) is not None
            and version != package.version
            and package.source in {None, version}
        ]
        if not chosen:
            raise RefusedError(NO_DEVICE)
        return chosen

    def _named(self, package: Package, names: Sequence[str]) -> Sequence[str]:
        versions = [self.devices[name].versions.get(package.module) for name in names]
        if None in versions:
            raise RefusedError(NOT_VERSIONED)
        if package.version in versions:
            raise RefusedError(AT_TARGET)
        if package.source is not None and set(versions) != {package.source}:
            raise RefusedError(WRONG_SOURCE)
        return names

    def _new_task(self, job: Job, name: str, now: int) -> Task:
        device = self.devices[name]
        task = Task(job, name, device.versions[job.package.module], CONFIRM if job.options.confirm else QUEUED)
        others = self._in_the_way(job, name)
        if job.overwrites and all(other.state in PENDING for other in others):
            for other in others:
                other.end(CANCELED)
            others = []
        if others:
            task.end(FAILED)
        elif job.options.push and not job.options.confirm and device.online:
            task.due_at = now
        return task

    def _in_the_way(self, job: Job, name: str) -> list[Task]:
        return self._open(name, job.package.module if job.options.multi_module else None)

    def _release(self, task: Task, now: int) -> None:
        """The task is queued, and its device told now if it can hear it."""
        device, package = self.devices[task.device], task.job.package
        fits = package.source is None or device.versions[task.module] == task.source
        task.state = QUEUED
        task.due_at = now if task.job.options.push and device.online and fits else None

    def _wants_push(self, task: Task, now: int) -> bool:
        if not task.job.options.push or task.state not in OFFERED:
            return False
        if task.state == QUEUED or task.told_on != self.devices[task.device].connection:
            return True
        return task.state == NOTIFIED and now - task.told_at >= self.repush_after

    def _told(self, task: Task, now: int) -> None:
        task.due_at, task.told_at = None, now
        task.told_on = self.devices[task.device].connection
        if task.state == QUEUED:
            task.state = NOTIFIED
