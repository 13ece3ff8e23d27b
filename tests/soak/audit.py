"""Holds every task that there ever was against the table of states, the counters and what the devices know."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select

from skyferry.ota.states import JobStatus, TaskEvent, TaskStatus, after
from skyferry.simulator.device import SimulatedDevice
from skyferry.store.engine import Store
from skyferry.store.tables import devices, jobs, packages, task_counts, task_history, tasks

_FIRST: Final = (TaskStatus.CONFIRM, TaskStatus.QUEUED, TaskStatus.FAILED)
"""The states in which a task begins; one that cannot go out has failed from the first."""


@dataclass(frozen=True)
class Task:
    """A task with everything that happened to it, oldest first."""

    job: str
    device: str
    version: str
    status: TaskStatus
    history: Sequence[tuple[TaskEvent, TaskStatus]]

    def faults(self) -> Iterator[str]:
        """What of its life cannot have been."""
        if self.status.is_open:
            yield f"is {self.status.name} when everything is over"
        if not self.history:
            if self.status is not TaskStatus.FAILED:
                yield f"is {self.status.name} and nothing has happened to it"
            return
        event, status = self.history[0]
        if status not in [after(first, event) for first in _FIRST]:
            yield f"begins with {event.name} and is {status.name}"
        for event, next_status in self.history[1:]:
            if after(status, event) is not next_status:
                yield f"was {status.name}, then {event.name} made it {next_status.name}"
            status = next_status
        if status is not self.status:
            yield f"is {self.status.name}, and {status.name} by its history"

    def told(self) -> str:
        """Its state and what happened to it, for a person."""
        return f"{self.status.name} after {', '.join(event.name for event, _ in self.history)}"

    @property
    def was_told_to_have_failed(self) -> bool:
        """The device has told a failure: perhaps of an older update, while the notice of this one was on its way."""
        return any(event is TaskEvent.FAILURE_REPORTED for event, _ in self.history)


@dataclass(frozen=True)
class Books:
    """All that the database says of a product's updates."""

    tasks: Sequence[Task]
    job_states: Mapping[str, JobStatus]
    counted: Mapping[tuple[str, TaskStatus], int]


async def books(store: Store) -> Books:
    """Reads everything, in one transaction."""
    return await store.read(_books)


def _books(tx: Connection) -> Books:
    histories: dict[int, list[tuple[TaskEvent, TaskStatus]]] = defaultdict(list)
    entries = select(task_history.c.task_id, task_history.c.event, task_history.c.status)
    for task_id, event, status in tx.execute(entries.order_by(task_history.c.id)):
        histories[task_id].append((TaskEvent[event], TaskStatus(status)))
    rows = tx.execute(
        select(tasks.c.id, jobs.c.job_id, devices.c.name, packages.c.dest_version, tasks.c.status)
        .join(jobs, jobs.c.id == tasks.c.job_id)
        .join(devices, devices.c.id == tasks.c.device_id)
        .join(packages, packages.c.id == jobs.c.package_id)
    )
    counts = tx.execute(
        select(jobs.c.job_id, task_counts.c.status, func.sum(task_counts.c.tasks))
        .join(jobs, jobs.c.id == task_counts.c.job_id)
        .group_by(jobs.c.job_id, task_counts.c.status)
    )
    return Books(
        tasks=[
            Task(job, name, version, TaskStatus(status), histories[id_]) for id_, job, name, version, status in rows
        ],
        job_states={job: JobStatus(status) for job, status in tx.execute(select(jobs.c.job_id, jobs.c.status))},
        counted={(job, TaskStatus(status)): int(count) for job, status, count in counts if count},
    )


def faults(found: Books, fleet: Iterable[SimulatedDevice]) -> list[str]:
    """Every sentence is something that was lost, happened twice or is stuck; none when all is well."""
    said = [f"{task.version} of {task.device} {fault}" for task in found.tasks for fault in task.faults()]
    said += [f"job {job} is {state}" for job, state in found.job_states.items() if state is JobStatus.IN_PROGRESS]
    counted = Counter((task.job, task.status) for task in found.tasks)
    if counted != found.counted:
        said.append(f"the counters say {set(found.counted.items()) ^ set(counted.items())} otherwise than the tasks")
    twice = [pair for pair, count in Counter((task.job, task.device) for task in found.tasks).items() if count > 1]
    said += [f"{device} has two tasks in {job}" for job, device in twice]
    return said + list(_apart(found.tasks, fleet))


def _apart(found: Sequence[Task], fleet: Iterable[SimulatedDevice]) -> Iterator[str]:
    """Where the server and a device do not say the same of an update."""
    by_device: dict[str, dict[str, Task]] = defaultdict(dict)
    for task in found:
        by_device[task.device][task.version] = task
    for device in fleet:
        name, known = device.identity.device_name, by_device[device.identity.device_name]
        for version, times in Counter(device.installed).items():
            if times > 1:
                yield f"{name} has installed {version} {times} times"
            if version not in known:
                yield f"{name} has installed {version}, which nobody has told it"
            elif known[version].status is TaskStatus.FAILED and not known[version].was_told_to_have_failed:
                others = {version: task.told() for version, task in known.items()}
                yield f"{name} has installed {version}, but its task has failed: {device.installed}, {others}"
        for version, task in known.items():
            if task.status is TaskStatus.SUCCEEDED and version not in device.installed:
                yield f"{version} of {name} has succeeded, and the device does not know it"
