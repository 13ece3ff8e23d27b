"""What becomes of a device's feedback: reports for the engine, which decides by the one transition table."""

from dataclasses import dataclass

from skyferry.bus.interface import Bus
from skyferry.bus.messages import CancellationSettled, ProgressReported, Report, VersionReported
from skyferry.clock import Clock
from skyferry.ddi import errors
from skyferry.ddi.bodies import Execution, Feedback
from skyferry.ddi.presence import Stay
from skyferry.ota.states import TaskStatus
from skyferry.store import polling
from skyferry.store.engine import Store
from skyferry.store.polling import TaskOfDevice

_FAILED = -1


@dataclass(frozen=True, slots=True)
class FeedbackDesk:
    """Takes feedback. Nothing is answered before it is stored."""

    store: Store
    bus: Bus
    clock: Clock

    async def task(self, device_id: int, task_id: int) -> TaskOfDevice:
        """A task of the device.

        Raises:
            DdiError: it has no such task, or was never told of it.
        """
        task = await self.store.read(polling.task_of_device, device_id, task_id)
        if task is None or TaskStatus(task.status) is TaskStatus.CONFIRM:
            raise errors.not_found(f"The device has no action {task_id}.")
        return task

    async def on_deployment(self, stay: Stay, task_id: int, said: Feedback) -> None:
        """The device tells of an update.

        Raises:
            DdiError: the device has no such task, or it has ended.
        """
        task = await self.task(stay.device_id, task_id)
        status = TaskStatus(task.status)
        if said.execution.is_end:
            stay.attributes_wanted = True
        if status.is_open:
            if task.notified_at is None:
                raise errors.gone()
            report = self._of_open_task(stay.device_id, task, said)
            if report is not None:
                await self.bus.report(report)
            return
        # The device runs the version, whatever became of the task meanwhile; only an old story must not say so.
        if said.succeeded and status is not TaskStatus.SUCCEEDED and task.newest and task.notified_at is not None:
            await self.bus.report(self._version(stay.device_id, task))
        if not _is_to_be_given_up(task):
            raise errors.gone()

    async def on_cancellation(self, stay: Stay, task_id: int, said: Feedback) -> None:
        """The device tells what it does about a cancelled task. Whatever that is, the task stays cancelled.

        Raises:
            DdiError: the device has no such task, or needs to give up nothing.
        """
        task = await self.task(stay.device_id, task_id)
        if not _is_to_be_given_up(task):
            raise errors.gone()
        if said.execution.is_end:
            stay.attributes_wanted = True
            await self.bus.report(CancellationSettled(stay.device_id, task.id, self.clock.now_ms()))

    def _of_open_task(self, device_id: int, task: TaskOfDevice, said: Feedback) -> Report | None:
        now = self.clock.now_ms()
        if said.succeeded:
            return self._version(device_id, task)
        if said.execution.is_end:
            reason = said.description or f"the device says {said.execution}"
            return ProgressReported(device_id, task.module, _FAILED, reason, now)
        if said.execution is Execution.SCHEDULED:
            return None  # it has not begun
        # Clients count several things one after the other: what was reached is not taken back.
        return ProgressReported(device_id, task.module, max(said.percent or 0, task.progress), said.description, now)

    def _version(self, device_id: int, task: TaskOfDevice) -> VersionReported:
        """Success is the reported version: that the device is done says that it runs the package's."""
        return VersionReported(device_id, task.module, task.dest_version, self.clock.now_ms())


def _is_to_be_given_up(task: TaskOfDevice) -> bool:
    """It was cancelled after the device was told of it, and the device has not confirmed that yet."""
    return task.status == TaskStatus.CANCELED and task.notified_at is not None
