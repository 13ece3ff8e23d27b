"""Devices and their open tasks in memory, while a batch of reports is applied to them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from skyferry.events.models import Happening, PresenceChanged, VersionChanged
from skyferry.ota.changes import TaskChange
from skyferry.ota.states import TaskEvent, TaskStatus, after
from skyferry.store import presence, statistics, tasks
from skyferry.store.presence import Arrival, Departure, DevicePresence, ReportedVersion
from skyferry.store.statistics import VersionKey
from skyferry.store.tasks import OpenTask


class WorkingTask:
    """An open task that reports may change; what it was read as stays known until it is written."""

    __slots__ = (
        "deadline_at",
        "description",
        "dispatch_at",
        "happened",
        "notified_at",
        "progress",
        "pushes",
        "read",
        "retry_at",
        "src_version",
        "status",
        "tries",
    )

    def __init__(self, read: OpenTask) -> None:
        self.read = read
        self.status = TaskStatus(read.status)
        self.progress = read.progress
        self.description = read.description
        self.dispatch_at = read.dispatch_at
        self.notified_at = read.notified_at
        self.deadline_at = read.deadline_at
        self.retry_at = read.retry_at
        self.tries = read.tries
        self.pushes = read.pushes
        self.src_version = read.src_version
        self.happened: list[TaskChange] = []

    def happen(self, event: TaskEvent, at: int, *, progress: int | None = None, description: str = "") -> bool:
        """Applies an event; False when it has no effect in the task's state."""
        status = after(self.status, event)
        if status is None:
            return False
        if status is not self.status or event is TaskEvent.TRY_FAILED:
            self.happened.append(
                TaskChange(self.read.id, self.read.job_id, self.read.device_id, event, status, description, at)
            )
        self.status = status
        self.progress = self.progress if progress is None else progress
        self.description = description
        if not status.is_open:
            self.dispatch_at = self.retry_at = None
        return True

    @property
    def waits_for_retry(self) -> bool:
        """A try failed and the next one has not begun."""
        return self.retry_at is not None

    def fail(self, event: TaskEvent, at: int, description: str, *, final: bool = False) -> None:
        """Ends the task by this event, or leaves it for another try when the job allows one (control-plane §6.8).

        Args:
            event: what happened.
            at: when, in milliseconds since the Unix epoch.
            description: what the task says of it.
            final: another try would be in vain.
        """
        if self.waits_for_retry or after(self.status, event) is None:
            return
        allowed, interval = self.read.retry_count, self.read.retry_interval_minutes
        if final or allowed is None or interval is None or self.tries >= allowed or not self.read.job_live:
            self.happen(event, at, description=description)
            return
        self.tries += 1
        self.pushes = 0
        self.retry_at = at + interval * 60_000
        self.dispatch_at = None
        self.happen(TaskEvent.TRY_FAILED, at, description=f"{description} (try {self.tries} of {allowed + 1})")

    def changes(self) -> Mapping[str, Any]:
        """The values that differ from what was read."""
        values: dict[str, Any] = {
            "status": self.status,
            "progress": self.progress,
            "dispatch_at": self.dispatch_at,
            "notified_at": self.notified_at,
            "deadline_at": self.deadline_at,
            "retry_at": self.retry_at,
            "tries": self.tries,
            "pushes": self.pushes,
            "src_version": self.src_version,
            "description": self.description,
        }
        return {name: value for name, value in values.items() if value != getattr(self.read, name)}


class DeviceState:
    """A device in a batch: its connection, its module versions and its open tasks."""

    def __init__(self, read: DevicePresence, versions: Mapping[str, str], open_tasks: Iterable[OpenTask]) -> None:
        self.id = read.id
        self.product_id = read.product_id
        self.disabled = read.disabled
        self.online_at = read.online_at
        self.tasks = [WorkingTask(task) for task in open_tasks]
        self.arrival: Arrival | None = None
        self.departure: Departure | None = None
        self.new_versions: dict[str, ReportedVersion] = {}
        self.happened: list[Happening] = []
        self._connection_id = read.connection_id
        self._versions = dict(versions)
        self._versions_before = versions

    @property
    def connection_id(self) -> str | None:
        """The connection that the device has."""
        return self._connection_id

    @property
    def online(self) -> bool:
        """The device has a connection."""
        return self._connection_id is not None

    def connect(self, connection_id: str, address: str, at: int) -> None:
        """The device is online on this connection from now on."""
        self._connection_id = connection_id
        self.online_at = at
        self.arrival = Arrival(self.id, connection_id, address, at)
        self.departure = None
        self.happened.append(PresenceChanged(self.id, online=True, address=address, at=at))

    def disconnect(self, connection_id: str, at: int) -> bool:
        """The connection ended; False when the device has a newer one by then."""
        if connection_id != self._connection_id:
            return False
        self._connection_id = None
        self.departure = Departure(self.id, connection_id, at)
        self.happened.append(PresenceChanged(self.id, online=False, address=None, at=at))
        return True

    def is_in_job(self, job_id: int) -> bool:
        """The device has an open task in the job."""
        return any(task.status.is_open and task.read.job_id == job_id for task in self.tasks)

    def version_of(self, module: str) -> str | None:
        """The version of a module as last reported."""
        return self._versions.get(module)

    def version_before(self, module: str) -> str | None:
        """The version of a module before the batch."""
        return self._versions_before.get(module)

    def note_version(self, module: str, version: str, at: int) -> bool:
        """Remembers a version to be written; False when it is what was known."""
        if self._versions.get(module) == version:
            return False
        self._versions[module] = version
        self.new_versions[module] = ReportedVersion(self.id, module, version, at)
        self.happened.append(VersionChanged(self.id, module, version, at))
        return True


def load(tx: Connection, device_ids: Collection[int]) -> dict[int, DeviceState]:
    """The devices with their open tasks; devices that do not exist any more are absent."""
    versions: dict[int, dict[str, str]] = {}
    for (device_id, module), version in presence.versions_of(tx, device_ids).items():
        versions.setdefault(device_id, {})[module] = version
    open_tasks: dict[int, list[OpenTask]] = {}
    for task in tasks.open_of_devices(tx, device_ids):
        open_tasks.setdefault(task.device_id, []).append(task)
    return {
        device_id: DeviceState(read, versions.get(device_id, {}), open_tasks.get(device_id, ()))
        for device_id, read in presence.of_devices(tx, device_ids).items()
    }


def save(tx: Connection, devices: Iterable[DeviceState], now: int) -> list[TaskChange]:
    """Writes what has changed, and returns what happened to tasks.

    Raises:
        RuntimeError: a task changed under the transaction; the caller's transaction is rolled back.
    """
    states = list(devices)
    if arrivals := [state.arrival for state in states if state.arrival]:
        presence.note_arrivals(tx, arrivals)
    if departures := [state.departure for state in states if state.departure]:
        presence.note_departures(tx, departures)
    if versions := [version for state in states for version in state.new_versions.values()]:
        presence.note_versions(tx, versions)
        statistics.move_versions(tx, _moved_versions(states))
    # What only happened is written too: a history must not be added to a task that goes meanwhile.
    changed = [task for state in states for task in state.tasks if task.changes() or task.happened]
    _save_tasks(tx, changed, now)
    return [change for state in states for task in state.tasks for change in task.happened]


def _moved_versions(states: Iterable[DeviceState]) -> Mapping[VersionKey, int]:
    """How many devices more or less have each version than before the batch."""
    moved: Counter[VersionKey] = Counter()
    for state in states:
        for module, reported in state.new_versions.items():
            before = state.version_before(module)
            if before is not None:
                moved[VersionKey(state.product_id, module, before)] -= 1
            moved[VersionKey(state.product_id, module, reported.version)] += 1
    return moved


def _save_tasks(tx: Connection, changed: Iterable[WorkingTask], now: int) -> None:
    """One statement for all tasks that change in the same way."""
    alike: dict[tuple[int, tuple[tuple[str, Any], ...]], list[int]] = {}
    for task in changed:
        key = (task.read.status, tuple(task.changes().items()))
        alike.setdefault(key, []).append(task.read.id)
    for (status, values), keys in alike.items():
        count = tasks.change(tx, keys, sources=[status], values={**dict(values), "modified_at": now})
        if count != len(keys):
            raise RuntimeError(f"{len(keys)} tasks were to change and {count} did.")
