"""What devices report, applied to their tasks: many reports in one transaction, in the order in which they came.

The state of the devices concerned is read once, the reports are applied to it in memory by the one transition table,
and what has changed is written once, each write on the condition of the state that was read. Only a device that asks
for a package after a version of it is looked at twice (`rounds`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry.bus.messages import (
    CancellationSettled,
    Command,
    Connected,
    DeploymentRequested,
    DisconnectDevice,
    Disconnected,
    NoticeUndelivered,
    PackageRequested,
    ProgressReported,
    Report,
    VersionReported,
)
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.ota import backoff, changes, matching, notices, rate, rounds, timezones
from skyferry.ota.models import EngineLimits
from skyferry.ota.offers import NOTHING, OfferMaker
from skyferry.ota.packages import DIFFERENTIAL
from skyferry.ota.states import TaskEvent, TaskStatus, after, sources
from skyferry.ota.working import DeviceState, WorkingTask, load, save
from skyferry.store import jobs as job_statements
from skyferry.store import pushing
from skyferry.store import tasks as task_statements

_NOT_CONFORM: Final = "report version is not conform"
_FAILURES: Final = {
    -1: "the update failed",
    -2: "the download failed",
    -3: "the verification failed",
    -4: "the flashing failed",
}
_PUSHABLE: Final = frozenset(sources(TaskEvent.PUSHED))
_WAITING: Final = frozenset({TaskStatus.QUEUED, TaskStatus.NOTIFIED})


def apply(
    tx: Connection, reports: Sequence[Report], *, limits: EngineLimits, maker: OfferMaker, now: int
) -> tuple[list[Command], bool]:
    """Stores reports and what follows from them.

    Returns:
        What the devices are to be told, and whether a push is due or will be.
    """
    answers: list[Command] = []
    push_due = False
    for part in rounds.split(reports):
        told, waits = _apply_round(tx, part, limits=limits, maker=maker, now=now)
        answers += told
        push_due |= waits
    return answers, push_due


def _apply_round(
    tx: Connection, reports: Sequence[Report], *, limits: EngineLimits, maker: OfferMaker, now: int
) -> tuple[list[Command], bool]:
    devices = load(tx, {report.device_id for report in reports})
    batch = _Batch(tx, limits, maker, now)
    for report in reports:
        device = devices.get(report.device_id)
        if device is not None:
            batch.apply(device, report)
        elif isinstance(report, Connected):
            batch.answers.append(DisconnectDevice(report.device_id))
    happened = save(tx, devices.values(), now)
    changes.follow(tx, happened, now, seen=[item for device in devices.values() for item in device.happened])
    reported = [(devices[device_id], module) for device_id, module in batch.reported]
    matched = matching.match(tx, reported, limits, now)
    due = any(task.dispatch_at is not None for device in devices.values() for task in device.tasks)
    return batch.answers, due or matched > 0


class _Batch:
    """The rules, one method per kind of report."""

    def __init__(self, tx: Connection, limits: EngineLimits, maker: OfferMaker, now: int) -> None:
        self.answers: list[Command] = []
        self.reported: dict[tuple[int, str], None] = {}
        self._tx = tx
        self._limits = limits
        self._maker = maker
        self._now = now

    def apply(self, device: DeviceState, report: Report) -> None:
        match report:
            case Connected():
                self._connected(device, report)
            case Disconnected():
                self._disconnected(device, report)
            case VersionReported():
                self._version(device, report.module, report.version, report.at)
            case ProgressReported():
                self._progress(device, report)
            case PackageRequested():
                self._requested(device, report)
            case NoticeUndelivered():
                self._undelivered(device, report)
            case DeploymentRequested():
                self._deployment_requested(device, report)
            case CancellationSettled():
                task_statements.settle_cancellation(self._tx, device.id, report.task_id, status=TaskStatus.CANCELED)

    def _connected(self, device: DeviceState, report: Connected) -> None:
        if device.disabled:
            # Its log-in was checked before it was disabled, and heard of after: nothing has ended this connection yet.
            self.answers.append(DisconnectDevice(device.id))
            return
        before = device.connection_id
        if before not in {None, report.connection_id}:
            # Another process holds it, or it was not told of the end yet.
            self.answers.append(DisconnectDevice(device.id, connection_id=before))
        device.connect(report.connection_id, report.address, report.at)
        for task in _open(device.tasks, lambda task: task.read.need_push):
            # The version report that most devices send first brings the push forward. A device that was updating
            # gets no push before that report: it may have come back with the new version.
            if task.status in _WAITING or (task.status in _PUSHABLE and task.waits_for_retry):
                task.dispatch_at = max(report.at + self._limits.connect_delay_ms, self._ready_at(task))

    def _disconnected(self, device: DeviceState, report: Disconnected) -> None:
        if device.disconnect(report.connection_id, report.at):
            for task in _open(device.tasks):
                task.dispatch_at = None

    def _version(self, device: DeviceState, module: str, version: str, at: int) -> None:
        changed = device.note_version(module, version, at)
        self.reported[device.id, module] = None
        for task in _open(device.tasks, lambda task: task.read.module == module):
            if version == task.read.dest_version:
                task.happen(TaskEvent.TARGET_REPORTED, at, progress=100)
            elif task.read.package_type == DIFFERENTIAL and version != task.src_version:
                task.fail(TaskEvent.FOREIGN_REPORTED, at, _NOT_CONFORM, final=True)
                task.dispatch_at = None  # what the log-in has made due does not fit this version
            else:
                if changed and version != task.src_version and not self._is_of_an_older_task(device, task, version):
                    task.fail(TaskEvent.FOREIGN_REPORTED, at, _NOT_CONFORM)
                if task.waits_for_retry:
                    task.src_version = version  # the next try starts from it
                if self._wants_push(device, task, at):
                    task.dispatch_at = max(at, self._ready_at(task))

    def _is_of_an_older_task(self, device: DeviceState, task: WorkingTask, version: str) -> bool:
        """The device has finished what it had begun before: progress was of that, and this task is still to come."""
        if after(task.status, TaskEvent.FOREIGN_REPORTED) is None:
            return False
        ends = (TaskStatus.FAILED, TaskStatus.CANCELED)
        return task_statements.any_to_version(self._tx, device.id, task.read.module, version, statuses=ends)

    def _ready_at(self, task: WorkingTask) -> int:
        """When a task may be pushed at the earliest: it waits for its next try, or was pushed in vain too often."""
        rested_at = (task.notified_at or 0) + backoff.delay_ms(task.pushes, self._limits)
        return max(task.retry_at or 0, rested_at)

    def _wants_push(self, device: DeviceState, task: WorkingTask, at: int) -> bool:
        """Whether a version report is the moment to push (device-plane reference §3, "Re-push")."""
        if not task.read.need_push or task.status not in _PUSHABLE:
            return False
        if task.status is TaskStatus.QUEUED or task.notified_at is None or task.waits_for_retry:
            return True
        if task.notified_at < (device.online_at or 0):
            return True
        # On the connection that got the push a download may run: a second push would start a second one.
        return task.status is TaskStatus.NOTIFIED and at - task.notified_at >= self._limits.repush_after_ms

    def _progress(self, device: DeviceState, report: ProgressReported) -> None:
        task = _named(device.tasks, report.module)
        if task is None or not task.read.job_started:
            return
        if report.step < 0:
            reason = _FAILURES.get(report.step, f"the device reported {report.step}")
            text = f"{reason}: {report.description}" if report.description else reason
            task.fail(TaskEvent.FAILURE_REPORTED, report.at, text)
            if task.waits_for_retry and task.read.need_push and device.online:
                task.dispatch_at = task.retry_at
        elif task.happen(TaskEvent.PROGRESS_REPORTED, report.at, progress=min(report.step, 100)):
            task.dispatch_at = task.retry_at = None
            if task.deadline_at is None and task.read.timeout_minutes is not None:
                task.deadline_at = report.at + task.read.timeout_minutes * 60_000

    def _requested(self, device: DeviceState, report: PackageRequested) -> None:
        task = _named([task for task in device.tasks if task.status in _PUSHABLE], report.module)
        if task is None or not self._may_send(task):
            self.answers.append(notices.answer(report, NOTHING, None))
            return
        _hand_over(task, report.at)
        job = job_statements.by_id(self._tx, task.read.job_id)
        if job is not None:
            offered = self._maker.offer(self._tx, job, self._now).data(task.read.id)
            self.answers.append(notices.answer(report, offered, task.read.id))

    def _deployment_requested(self, device: DeviceState, report: DeploymentRequested) -> None:
        for task in device.tasks:
            if task.read.id == report.task_id and task.status in _PUSHABLE and self._may_send(task, postpone=True):
                _hand_over(task, report.at)

    def _may_send(self, task: WorkingTask, *, postpone: bool = False) -> bool:
        """Whether the job and its rate allow the device its first URL; a device that has had one may ask again.

        Args:
            task: what the device asks for.
            postpone: let the task wait for a closed window as for another try: the device comes by again and again.
        """
        if not task.read.job_may_push or (task.retry_at or 0) > self._now:
            return False
        if task.status is not TaskStatus.QUEUED:
            return True
        job = job_statements.by_id(self._tx, task.read.job_id)
        if job is None or job.push_budget == 0:
            return False
        opens_at = timezones.opens_at(self._tx, job, task.read.device_id, self._now)
        if opens_at > self._now:
            if postpone:
                task.retry_at = opens_at
            return False
        allowed = rate.allowance(job.push_rate or job.maximum_per_minute, job.next_push_at, self._now)
        if allowed.count:
            pushing.spend(self._tx, job.id, next_push_at=allowed.next_push_at(1), first_pushes=1)
        return allowed.count > 0

    def _undelivered(self, device: DeviceState, report: NoticeUndelivered) -> None:
        for task in _open(device.tasks, lambda task: task.read.id == report.task_id):
            if task.happen(TaskEvent.PUSH_LOST, report.at):
                task.pushes = max(task.pushes - 1, 0)  # the device never had it


def _hand_over(task: WorkingTask, at: int) -> None:
    """The device is told of its task in answer to its question: as good as a push."""
    task.happen(TaskEvent.PUSHED, at)
    task.dispatch_at = task.retry_at = None
    task.notified_at = at


def _open(
    tasks: Iterable[WorkingTask], wanted: Callable[[WorkingTask], bool] = lambda _: True
) -> Iterable[WorkingTask]:
    return [task for task in tasks if task.status.is_open and wanted(task)]


def _named(tasks: Iterable[WorkingTask], module: str | None) -> WorkingTask | None:
    """The open task that a device means: of the module that it names, or the only one when it names none."""
    candidates = _open(tasks)
    for task in candidates:
        if task.read.module == (module or DEFAULT_MODULE):
            return task
    rest = list(candidates)
    return rest[0] if module is None and len(rest) == 1 else None
