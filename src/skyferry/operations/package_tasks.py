"""The tasks of a package in all its jobs: an operation of Skyferry alone."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.operations.tasks import SimpleOTATaskInfo, TaskInfos
from skyferry.ota import packages
from skyferry.ota.states import TaskStatus
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import package_tasks as statements
from skyferry.store.packages import PackageRecord
from skyferry.store.tasks import TaskRecord

_LARGEST_PAGE: Final = 100


class ListOTATaskByFirmwareRequest(InstanceRequest):
    """Parameters of ListOTATaskByFirmware."""

    firmware_id: str
    """The package."""
    task_status: str | None = None
    """Only tasks of this status."""
    device_name: str | None = None
    """Only tasks of this device of the product."""
    page_size: int = 10
    """1 to 100."""
    next_token: str | None = None
    """NextToken of the page before."""


class ListOTATaskByFirmwareResponse(ResponseModel):
    """Answer of ListOTATaskByFirmware."""

    data: TaskInfos
    next_token: str | None
    """Leads to the next page; absent on the last one."""


Found = tuple[PackageRecord, Sequence[TaskRecord], Mapping[int, str]]


def _tasks(
    tx: Connection,
    instance_id: int,
    request: ListOTATaskByFirmwareRequest,
    status: TaskStatus | None,
    after: int | None,
) -> Found:
    package = packages.find(tx, instance_id, request.firmware_id)
    limit = request.page_size + 1
    if request.device_name:
        found = statements.of_device(tx, package, request.device_name, status=status, after=after, limit=limit)
    else:
        found = statements.of_package(tx, package.id, status=status, after=after, limit=limit)
    return package, found, statements.names_of_jobs(tx, {task.job_id for task in found})


@operation("ListOTATaskByFirmware", qps=10, access=Access.READ, vendor=False)
async def list_ota_task_by_firmware(call: Call, request: ListOTATaskByFirmwareRequest) -> ListOTATaskByFirmwareResponse:
    """Pages the tasks that a package has in all its jobs: those of the newest job first."""
    if request.task_status and request.task_status not in TaskStatus.__members__:
        raise ApiError(codes.INVALID_TASK_STATUS)
    status = TaskStatus[request.task_status] if request.task_status else None
    _, after = formats.place(1, request.page_size, request.next_token, most=_LARGEST_PAGE)
    package, found, jobs = await call.services.store.read(_tasks, call.instance.id, request, status, after)
    page = found[: request.page_size]
    infos = [_info(package, task, jobs[task.job_id]) for task in page]
    return ListOTATaskByFirmwareResponse(
        data=TaskInfos(simple_ota_task_info=infos),
        next_token=formats.next_token(page[-1].id) if len(found) > len(page) else None,
    )


def _info(package: PackageRecord, task: TaskRecord, job_id: str) -> SimpleOTATaskInfo:
    return SimpleOTATaskInfo(
        task_id=identifiers.task_id(job_id, task.id),
        job_id=job_id,
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
        timeout=None if task.timeout_minutes is None else str(task.timeout_minutes),
        utc_create=formats.utc(task.created_at),
        utc_modified=formats.utc(task.modified_at),
    )
