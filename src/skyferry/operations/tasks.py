"""Operations on tasks (control-plane reference §6.1, §6.5)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.bus.messages import WithdrawPush
from skyferry.errors import ApiError
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import cancel, jobs
from skyferry.ota.cancel import CancelScope
from skyferry.ota.states import TaskStatus
from skyferry.rpc.operation import Access, Empty, ResponseModel, operation
from skyferry.store import packages as package_statements
from skyferry.store import tasks as statements
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import PackageRecord
from skyferry.store.tasks import TaskRecord

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 100
_DEEPEST: Final = 100_000
_MOST_NAMES: Final = 50


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
    canceled = await call.services.store.write(
        cancel.cancel_by_device,
        instance_id=call.instance.id,
        product_key=request.product_key,
        firmware_id=request.firmware_id,
        device_names=request.device_name,
        job_id=request.job_id,
        scope=CancelScope(call.instance.cancel_by_device),
        now=call.services.clock.now_ms(),
    )
    await call.services.bus.command([WithdrawPush(task.device_id, task.id) for task in canceled])
    return Empty()


class ListOTATaskByJobRequest(InstanceRequest):
    """Parameters of ListOTATaskByJob."""

    job_id: str
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 100; CurrentPage times PageSize is at most 100000."""
    task_status: str | None = None
    """Only tasks of this status."""
    device_names: list[str] = Field(default_factory=list)
    """Up to 50 devices; they win over the page."""


class SimpleOTATaskInfo(ResponseModel):
    """One task in a list. `Progress` is percent with two decimals, `Timeout` minutes."""

    task_id: str
    job_id: str
    firmware_id: str
    product_key: str
    product_name: str
    device_name: str
    iot_id: str
    src_version: str
    dest_version: str
    task_status: str
    task_desc: str
    progress: str
    timeout: str | None
    utc_create: str
    utc_modified: str


class TaskInfos(ResponseModel):
    """Wraps the list."""

    simple_ota_task_info: list[SimpleOTATaskInfo] = Field(alias="SimpleOTATaskInfo")


class ListOTATaskByJobResponse(ResponseModel):
    """Answer of ListOTATaskByJob."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    data: TaskInfos


Listed = tuple[JobRecord, PackageRecord, int, Sequence[TaskRecord]]


def _tasks_of_job(
    tx: Connection, instance_id: int, request: ListOTATaskByJobRequest, status: TaskStatus | None, offset: int
) -> Listed:
    job = jobs.find(tx, instance_id, request.job_id)
    package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
    if request.device_names:
        found = statements.of_devices(tx, job.id, request.device_names, status=status)
        return job, package, len(found), found
    counts = statements.count_by_status(tx, job.id)
    total = sum(counts.values()) if status is None else counts.get(status, 0)
    page = statements.page_of_job(tx, job.id, offset=offset, limit=request.page_size, status=status)
    return job, package, total, page


def _status(given: str | None) -> TaskStatus | None:
    if not given:
        return None
    try:
        return TaskStatus[given]
    except KeyError:
        raise ApiError(codes.INVALID_TASK_STATUS) from None


@operation("ListOTATaskByJob", qps=10, access=Access.READ)
async def list_ota_task_by_job(call: Call, request: ListOTATaskByJobRequest) -> ListOTATaskByJobResponse:
    """Pages the tasks of a job, or shows those of named devices."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    if offset + request.page_size > _DEEPEST:
        raise ApiError(codes.INVALID_PAGE_PARAMS, f"CurrentPage times PageSize is at most {_DEEPEST}.")
    if len(request.device_names) > _MOST_NAMES:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"DeviceNames holds at most {_MOST_NAMES} names.")
    job, package, total, page = await call.services.store.read(
        _tasks_of_job, call.instance.id, request, _status(request.task_status), offset
    )
    infos = [
        SimpleOTATaskInfo(
            task_id=identifiers.task_id(job.job_id, task.id),
            job_id=job.job_id,
            firmware_id=package.firmware_id,
            product_key=package.product_key,
            product_name=package.product_name,
            device_name=task.device_name,
            iot_id=task.iot_id,
            src_version=task.src_version,
            dest_version=package.dest_version,
            task_status=TaskStatus(task.status).name,
            task_desc=task.description,
            progress=f"{task.progress:.2f}",
            timeout=None if job.timeout_minutes is None else str(job.timeout_minutes),
            utc_create=formats.utc(task.created_at),
            utc_modified=formats.utc(task.modified_at),
        )
        for task in page
    ]
    return ListOTATaskByJobResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=TaskInfos(simple_ota_task_info=infos),
    )
