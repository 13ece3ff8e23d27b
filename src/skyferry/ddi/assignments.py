"""What a device is told when it comes by: the cancelled task that it must give up, or the task that it gets.

A task is handed over by the engine (`DeploymentRequested`), so that a job's rate, windows, stages, pause and retries
hold here as they hold for pushes. What cannot be handed over now costs no transaction: the look-up shows it.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from skyferry.bus.interface import Bus
from skyferry.bus.messages import CancellationSettled, DeploymentRequested
from skyferry.clock import Clock
from skyferry.ddi.authentication import Authenticator
from skyferry.ddi.presence import Stay
from skyferry.fleet.logins import DeviceAddress
from skyferry.fleet.polling import Visitor
from skyferry.ota.states import TaskStatus
from skyferry.store.polling import PolledTask

_RUNNING: Final = frozenset({TaskStatus.NOTIFIED, TaskStatus.IN_PROGRESS})
_WAITING: Final = frozenset({TaskStatus.QUEUED, *_RUNNING})


class Kind(Enum):
    """What an assignment asks of the device."""

    DEPLOYMENT = auto()
    CANCEL = auto()


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a device is to do, and about which task."""

    kind: Kind
    task_id: int


def is_given(task: PolledTask) -> bool:
    """The device was told of the task and may work on it. A halted job keeps back what the device has not begun."""
    if task.retry_at is not None:
        return False
    return task.status == TaskStatus.IN_PROGRESS or (task.status == TaskStatus.NOTIFIED and task.job_may_push)


def may_be_given(task: PolledTask, now: int) -> bool:
    """The task waits for the device, and nothing that the look-up shows keeps it back."""
    if task.status not in _WAITING or not task.job_may_push or is_given(task):
        return False
    if (task.retry_at or 0) > now:
        return False
    return task.status != TaskStatus.QUEUED or (task.next_push_at <= now and task.push_budget != 0)


class Assignments:
    """Decides what a device is told."""

    def __init__(self, bus: Bus, clock: Clock, authenticator: Authenticator, *, cancel_polls: int) -> None:
        self._bus = bus
        self._clock = clock
        self._authenticator = authenticator
        self._cancel_polls = cancel_polls

    async def next(self, address: DeviceAddress, visitor: Visitor, stay: Stay) -> Assignment | None:
        """What the device is told in answer to a poll; None when there is nothing."""
        for task in visitor.tasks:
            if task.status == TaskStatus.CANCELED and await self._tells_cancelled(task, visitor, stay):
                return Assignment(Kind.CANCEL, task.id)
        for task in visitor.tasks:
            if is_given(task):
                return Assignment(Kind.DEPLOYMENT, task.id)
        for task in visitor.tasks:
            if await self.give(task, address, visitor):
                return Assignment(Kind.DEPLOYMENT, task.id)
        return None

    async def give(self, task: PolledTask, address: DeviceAddress, visitor: Visitor) -> bool:
        """Hands a task over that waits for the device; False when its job does not allow that now."""
        now = self._clock.now_ms()
        if not may_be_given(task, now):
            return False
        await self._bus.report(DeploymentRequested(visitor.device_id, task.id, now))
        changed = await self._authenticator.again(address)
        return changed is not None and any(other.id == task.id and is_given(other) for other in changed.tasks)

    async def settle(self, device_id: int, task_id: int) -> None:
        """The device is done with a cancelled task."""
        await self._bus.report(CancellationSettled(device_id, task_id, self._clock.now_ms()))

    async def _tells_cancelled(self, task: PolledTask, visitor: Visitor, stay: Stay) -> bool:
        if stay.cancelled != task.id:
            stay.cancelled, stay.cancel_polls, stay.cancel_read = task.id, 0, False
        if stay.cancel_read or stay.cancel_polls >= self._cancel_polls:
            await self.settle(visitor.device_id, task.id)
            return False
        stay.cancel_polls += 1
        return True
