"""Operations that change tasks (control-plane reference §6.3-6.5)."""

from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import cancel, confirm, rerun
from skyferry.ota.cancel import CancelScope
from skyferry.rpc.operation import Access, Empty, operation


class CancelOTATaskByDeviceRequest(InstanceRequest):
    """Parameters of CancelOTATaskByDevice."""

    product_key: str
    firmware_id: str
    device_name: list[str]
    """1 to 200 devices, each once."""
    job_id: str | None = None
    """Only tasks of this job."""


@operation(
    "CancelOTATaskByDevice",
    qps=10,
    access=Access.WRITE,
    deviations=(
        "A task in progress is not cancelled, as in the first documentation; an instance can be set to do it.",
        "Of several devices those that can be cancelled are; the call fails only when there is none.",
    ),
)
async def cancel_ota_task_by_device(call: Call, request: CancelOTATaskByDeviceRequest) -> Empty:
    """Cancels the pending tasks that up to 200 named devices have for a package."""
    await call.services.store.write(
        cancel.cancel_by_device,
        instance_id=call.instance.id,
        product_key=request.product_key,
        firmware_id=request.firmware_id,
        device_names=request.device_name,
        job_id=request.job_id,
        scope=CancelScope(call.instance.cancel_by_device),
        now=call.services.clock.now_ms(),
    )
    return Empty()


class ConfirmOTATaskRequest(InstanceRequest):
    """Parameters of ConfirmOTATask."""

    task_id: list[str]
    """1 to 10 tasks, each once."""


@operation(
    "ConfirmOTATask",
    qps=20,
    access=Access.WRITE,
    deviations=("All tasks of the list are confirmed, or none when one of them cannot be.",),
)
async def confirm_ota_task(call: Call, request: ConfirmOTATaskRequest) -> Empty:
    """Confirms up to ten tasks that wait for it: they go on like those of a job that needs no confirmation."""
    await call.services.store.write(
        confirm.confirm, instance_id=call.instance.id, task_ids=request.task_id, now=call.services.clock.now_ms()
    )
    call.services.bus.wake()
    return Empty()


class ReupgradeOTATaskRequest(InstanceRequest):
    """Parameters of ReupgradeOTATask."""

    job_id: str
    """A static or dynamic job."""
    task_id: list[str]
    """1 to 10 of its tasks in FAILED or CANCELED, each once."""


@operation(
    "ReupgradeOTATask",
    qps=20,
    access=Access.WRITE,
    deviations=(
        "All tasks of the list run again, or none when one of them cannot.",
        "Tasks of a job with NeedConfirm wait for ConfirmOTATask again.",
        "Progress, tries and times begin anew; SrcVersion is what the device runs now; UtcCreate stays.",
        "A job that has ended is IN_PROGRESS again; a dynamic one whose policy has ended stays CANCELED.",
        "A device that runs the destination version, or another than the source of a differential package, is refused.",
        "A device with another open task is refused, unless OverwriteMode or MultiModuleMode lets the job replace it.",
        "After ScheduleFinishTime no task runs again.",
    ),
)
async def reupgrade_ota_task(call: Call, request: ReupgradeOTATaskRequest) -> Empty:
    """Runs up to ten tasks of a job again that failed or were cancelled."""
    services = call.services
    await services.store.write(
        rerun.rerun,
        instance_id=call.instance.id,
        job_id=request.job_id,
        task_ids=request.task_id,
        now=services.clock.now_ms(),
    )
    services.bus.wake()
    return Empty()
