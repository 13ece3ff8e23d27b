"""The one table of states: what may happen to a task, and what it becomes.

The API, the device plane's reports, the scheduler and the tests all take their transitions from here. Source:
control-plane reference §7 and §6.8-6.10, device-plane reference §3.
"""

from collections.abc import Mapping
from enum import Enum, IntEnum, StrEnum, auto
from typing import Final

from skyferry.store.tables import OPEN_BELOW


class TaskStatus(IntEnum):
    """State of one device in one job. Open states are below `OPEN_BELOW`, the gaps leave room for later ones."""

    CONFIRM = 10
    """Waits for ConfirmOTATask."""
    QUEUED = 20
    """No notice sent yet: the device is offline, or the job's rate is used up."""
    NOTIFIED = 30
    """The notice was sent, the device has not begun."""
    IN_PROGRESS = 40
    """The device told progress."""
    SUCCEEDED = 110
    """The device reported the package's version."""
    FAILED = 120
    """The device reported a failure or a foreign version, ran out of time, or had another open task."""
    CANCELED = 130
    """Ended by a call, or replaced by a later job."""

    @property
    def is_open(self) -> bool:
        """True while the task can still change by itself."""
        return self < OPEN_BELOW


class TaskEvent(Enum):
    """What can happen to a task."""

    PUSHED = auto()
    """The notice went out, as a push or as the answer to the device's request."""
    PUSH_LOST = auto()
    """The notice could not be handed to the device."""
    PROGRESS_REPORTED = auto()
    """The device told a step of 0…100 percent."""
    FAILURE_REPORTED = auto()
    """The device told a step of -1…-4."""
    TARGET_REPORTED = auto()
    """The device reported the package's version of its module: the only way to success."""
    FOREIGN_REPORTED = auto()
    """The device has come to a version that is neither the source nor the target."""
    TIMED_OUT = auto()
    """The time since the first progress report is over."""
    CANCEL_PENDING = auto()
    """A call cancels what the device has not begun."""
    CANCEL_OPEN = auto()
    """A call cancels everything that has not ended."""
    OVERWRITTEN = auto()
    """A later job replaces the task."""
    TRY_FAILED = auto()
    """A try failed and the job allows another one: the task keeps its state."""
    CONFIRMED = auto()
    """ConfirmOTATask."""
    RERUN = auto()
    """ReupgradeOTATask."""
    RERUN_UNCONFIRMED = auto()
    """ReupgradeOTATask in a job whose tasks need a confirmation."""
    SCHEDULE_ENDED = auto()
    """The job's ScheduleFinishTime came."""


_CONFIRM, _QUEUED, _NOTIFIED, _IN_PROGRESS = (
    TaskStatus.CONFIRM,
    TaskStatus.QUEUED,
    TaskStatus.NOTIFIED,
    TaskStatus.IN_PROGRESS,
)


def _all_to(target: TaskStatus, *sources: TaskStatus) -> Mapping[TaskStatus, TaskStatus]:
    return dict.fromkeys(sources, target)


TRANSITIONS: Final[Mapping[TaskEvent, Mapping[TaskStatus, TaskStatus]]] = {
    # A push may be repeated on a new connection; it never takes progress back.
    TaskEvent.PUSHED: {_QUEUED: _NOTIFIED, _NOTIFIED: _NOTIFIED, _IN_PROGRESS: _IN_PROGRESS},
    TaskEvent.PUSH_LOST: {_NOTIFIED: _QUEUED},
    TaskEvent.PROGRESS_REPORTED: _all_to(_IN_PROGRESS, _QUEUED, _NOTIFIED, _IN_PROGRESS),
    TaskEvent.FAILURE_REPORTED: _all_to(TaskStatus.FAILED, _QUEUED, _NOTIFIED, _IN_PROGRESS),
    TaskEvent.TARGET_REPORTED: _all_to(TaskStatus.SUCCEEDED, _CONFIRM, _QUEUED, _NOTIFIED, _IN_PROGRESS),
    # Older SDKs report the hardware layer's version before the firmware's: before progress it means nothing.
    TaskEvent.FOREIGN_REPORTED: {_IN_PROGRESS: TaskStatus.FAILED},
    TaskEvent.TIMED_OUT: {_IN_PROGRESS: TaskStatus.FAILED},
    TaskEvent.CANCEL_PENDING: _all_to(TaskStatus.CANCELED, _CONFIRM, _QUEUED, _NOTIFIED),
    TaskEvent.CANCEL_OPEN: _all_to(TaskStatus.CANCELED, _CONFIRM, _QUEUED, _NOTIFIED, _IN_PROGRESS),
    TaskEvent.OVERWRITTEN: _all_to(TaskStatus.CANCELED, _CONFIRM, _QUEUED, _NOTIFIED),
    TaskEvent.TRY_FAILED: {_QUEUED: _QUEUED, _NOTIFIED: _NOTIFIED, _IN_PROGRESS: _IN_PROGRESS},
    TaskEvent.CONFIRMED: {_CONFIRM: _QUEUED},
    TaskEvent.RERUN: _all_to(_QUEUED, TaskStatus.FAILED, TaskStatus.CANCELED),
    TaskEvent.RERUN_UNCONFIRMED: _all_to(_CONFIRM, TaskStatus.FAILED, TaskStatus.CANCELED),
    # What the device has begun runs on (control-plane reference §12, 8).
    TaskEvent.SCHEDULE_ENDED: _all_to(TaskStatus.CANCELED, _CONFIRM, _QUEUED, _NOTIFIED),
}
"""What each event makes of a task in each state; in a state that is not named, the event changes nothing."""


def sources(event: TaskEvent) -> tuple[TaskStatus, ...]:
    """The states in which an event has an effect."""
    return tuple(TRANSITIONS[event])


def after(status: TaskStatus, event: TaskEvent) -> TaskStatus | None:
    """The state that an event leads to, or None where it has no effect."""
    return TRANSITIONS[event].get(status)


class JobStatus(StrEnum):
    """State of a job. IN_PROGRESS leads to COMPLETED when all tasks have ended."""

    PLANNED = "PLANNED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class JobType(StrEnum):
    """What a job is for."""

    VERIFY = "VERIFY_FIRMWARE"
    UPGRADE = "UPGRADE_FIRMWARE"


class PackageStatus(IntEnum):
    """State of a package (control-plane reference §7.3)."""

    NOT_NEEDED = -1
    """Created with NeedToVerify=false."""
    UNVERIFIED = 0
    VERIFIED = 1
    """All devices of a verify job succeeded."""
    VERIFYING = 2
    FAILED = 3
    """A verify job ended otherwise."""

    @property
    def may_upgrade(self) -> bool:
        """True when jobs for a fleet may be created."""
        return self in {PackageStatus.NOT_NEEDED, PackageStatus.VERIFIED}

    @property
    def may_verify(self) -> bool:
        """True when a verify job may be created."""
        return self in {PackageStatus.UNVERIFIED, PackageStatus.FAILED}
