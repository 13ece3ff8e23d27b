"""What the model remembers: packages, jobs, tasks, devices. Times are milliseconds."""

from dataclasses import dataclass, field
from typing import Final

from tests.support.model.words import ALL, DEFAULT, OPEN, STATIC

MINUTE: Final = 60_000


@dataclass(frozen=True)
class Package:
    """A package; `source` is set when it is a differential one."""

    version: str
    module: str = DEFAULT
    source: str | None = None


@dataclass(frozen=True)
class Options:
    """What a job can be told; the intervals are minutes."""

    overwrite: int = 1
    push: bool = True
    confirm: bool = False
    multi_module: bool = False
    timeout_minutes: int | None = None
    retry_interval: int | None = None
    retry_count: int = 0


@dataclass(frozen=True)
class Target:
    """Whom a static job is for, and when.

    Attributes:
        names: the devices of SPECIFIC.
        in_file: they come from a list file, where names may be unknown or need no update.
        percent: the share of GRAY.
        group: the group of GROUP.
        sources: only devices of these versions; empty for any.
    """

    selection: str = ALL
    names: tuple[str, ...] = ()
    in_file: bool = False
    percent: str = "100"
    group: str = ""
    sources: tuple[str, ...] = ()
    start_at: int | None = None
    finish_at: int | None = None


@dataclass(frozen=True)
class Policy:
    """Whom a dynamic job is for: devices that run one of these versions, or those of a group."""

    sources: tuple[str, ...] = ()
    group: str | None = None
    later_only: bool = False


@dataclass(eq=False, repr=False)
class Task:
    """One device in one job.

    Attributes:
        source: the version of the module from which the device is updated.
        timeout: what the job's was, in minutes, when the task was made.
        due_at: when the next push goes out; None when none is to.
        told_at: when the device last got the package,
        told_on: and on which of its connections.
        deadline: when the task fails; set by the first progress.
        pushes: how often it was pushed in the present try.
        tries: how often it was begun again by itself.
        retry_at: when it is begun again; None when it runs.
    """

    job: "Job"
    device: str
    source: str
    state: str
    timeout: int | None
    due_at: int | None = None
    told_at: int = 0
    told_on: int | None = None
    deadline: int | None = None
    pushes: int = 0
    tries: int = 0
    retry_at: int | None = None

    def __repr__(self) -> str:
        return f"<{self.device} to {self.job.package.version}: {self.state}>"

    @property
    def module(self) -> str:
        return self.job.package.module

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def begin_again(self, state: str, source: str) -> None:
        """As if it had been made now; its timeout is what it was."""
        self.state, self.source, self.tries, self.pushes = state, source, 0, 0
        self.told_at, self.told_on = 0, None

    def end(self, state: str) -> None:
        """Nothing follows from an ended task any more."""
        self.state, self.due_at, self.deadline, self.retry_at = state, None, None, None


@dataclass(eq=False)
class Job:
    """A job and its tasks in the order in which they were made.

    Attributes:
        kind: VERIFY, STATIC or DYNAMIC.
        selecting: it has started and has yet to look for its devices.
    """

    package: Package
    options: Options
    status: str
    kind: str = STATIC
    target: Target = Target()
    policy: Policy | None = None
    paused: bool = False
    selecting: bool = False
    ended_at: int | None = None
    tasks: list[Task] = field(default_factory=list, repr=False)

    @property
    def states(self) -> dict[str, str]:
        """The state of each device; of several tasks of one device the last."""
        return {task.device: task.state for task in self.tasks}

    @property
    def history(self) -> dict[str, list[str]]:
        """The states of all tasks by device, as they were made."""
        found: dict[str, list[str]] = {}
        for task in self.tasks:
            found.setdefault(task.device, []).append(task.state)
        return found

    @property
    def open_tasks(self) -> list[Task]:
        return [task for task in self.tasks if task.is_open]

    def of_device(self, name: str) -> list[Task]:
        return [task for task in self.tasks if task.device == name]


@dataclass
class Device:
    """A device: the versions that it has reported, and its connection."""

    versions: dict[str, str] = field(default_factory=dict)
    online: bool = False
    connection: int = 0
