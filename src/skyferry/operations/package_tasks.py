"""The tasks of a package in all its jobs: an operation of Skyferry alone."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.operations.tasks import TaskInfos, info_of, status_of
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
    status = status_of(request.task_status)
    _, after = formats.place(1, request.page_size, request.next_token, most=_LARGEST_PAGE)
    package, found, jobs = await call.services.store.read(_tasks, call.instance.id, request, status, after)
    page = found[: request.page_size]
    infos = [info_of(package, task, jobs[task.job_id]) for task in page]
    return ListOTATaskByFirmwareResponse(
        data=TaskInfos(simple_ota_task_info=infos),
        next_token=formats.next_token(page[-1].id) if len(found) > len(page) else None,
    )
