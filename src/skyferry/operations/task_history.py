"""The tasks of a device and the history of one: operations of our own, for who asks why a device was not updated."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from skyferry import identifiers
from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference
from skyferry.operations import formats
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import named_tasks
from skyferry.ota.states import TaskStatus
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import downloads, history
from skyferry.store import named_tasks as statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.downloads import DownloadRecord
from skyferry.store.history import HistoryRecord
from skyferry.store.named_tasks import DeviceTask, NamedTask

_DEFAULT_PAGE: Final = 100
_LARGEST_PAGE: Final = 100


class QueryOTATaskHistoryRequest(InstanceRequest):
    """Parameters of QueryOTATaskHistory."""

    task_id: str
    """A task, as the lists of tasks name it."""
    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 100."""


class TaskChangeInfo(ResponseModel):
    """One thing that happened to the task."""

    utc_change: str
    """When it happened."""
    task_status: str
    """The status that the task has since."""
    event: str
    """What happened, such as PUSHED, PROGRESS_REPORTED, TRY_FAILED, CONFIRMED or OVERWRITTEN."""
    task_desc: str
    """What was said of it; often empty."""


class TaskChangeInfos(ResponseModel):
    """Wraps the list."""

    task_change: list[TaskChangeInfo]


class TaskHistory(ResponseModel):
    """`Data` of QueryOTATaskHistory."""

    task_id: str
    job_id: str
    device_name: str
    module_name: str
    src_version: str
    dest_version: str
    task_status: str
    """The status by now."""
    utc_create: str
    """When the task was made; what happened since then follows, oldest first, as far as it is still kept."""
    download_bytes: int
    """How many bytes of the package this server sent for the task, repeated ones included; a second or two old."""
    download_requests: int
    """In how many requests."""
    download_failures: int
    """How many of the requests broke off or could not be answered."""
    changes: TaskChangeInfos


class QueryOTATaskHistoryResponse(ResponseModel):
    """Answer of QueryOTATaskHistory."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    data: TaskHistory


def _history(
    tx: Connection, instance_id: int, task_id: str, offset: int, limit: int
) -> tuple[NamedTask, DownloadRecord | None, int, Sequence[HistoryRecord]]:
    [task] = named_tasks.find(tx, instance_id, [task_id], for_change=False)
    total = history.count_of_task(tx, task.id)
    return task, downloads.of_task(tx, task.id), total, history.of_task(tx, task.id, offset=offset, limit=limit)


@operation("QueryOTATaskHistory", qps=10, access=Access.READ, vendor=False)
async def query_ota_task_history(call: Call, request: QueryOTATaskHistoryRequest) -> QueryOTATaskHistoryResponse:
    """Tells everything that happened to a task: when, which status it has since, by what, and what was said."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    task, downloaded, total, found = await call.services.store.read(
        _history, call.instance.id, request.task_id, offset, request.page_size
    )
    changes = [
        TaskChangeInfo(
            utc_change=formats.utc(item.at),
            task_status=TaskStatus(item.status).name,
            event=item.event,
            task_desc=item.description,
        )
        for item in found
    ]
    return QueryOTATaskHistoryResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=TaskHistory(
            task_id=request.task_id,
            job_id=task.job_id,
            device_name=task.device_name,
            module_name=task.module,
            src_version=task.src_version,
            dest_version=task.dest_version,
            task_status=TaskStatus(task.status).name,
            utc_create=formats.utc(task.created_at),
            download_bytes=downloaded.bytes if downloaded else 0,
            download_requests=downloaded.requests if downloaded else 0,
            download_failures=downloaded.failures if downloaded else 0,
            changes=TaskChangeInfos(task_change=changes),
        ),
    )


class ListOTATaskByDeviceRequest(DeviceRequest):
    """Parameters of ListOTATaskByDevice."""

    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 100."""


class DeviceTaskInfo(ResponseModel):
    """One task of the device. `Progress` is percent with two decimals."""

    task_id: str
    job_id: str
    firmware_id: str
    product_key: str
    device_name: str
    module_name: str
    src_version: str
    dest_version: str
    task_status: str
    task_desc: str
    progress: str
    utc_create: str
    utc_modified: str


class DeviceTaskInfos(ResponseModel):
    """Wraps the list."""

    device_task: list[DeviceTaskInfo]


class ListOTATaskByDeviceResponse(ResponseModel):
    """Answer of ListOTATaskByDevice."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    data: DeviceTaskInfos


def _of_device(
    tx: Connection, instance_id: int, reference: DeviceReference, offset: int, limit: int
) -> tuple[DeviceRecord, int, Sequence[DeviceTask]]:
    device = devices.find(tx, instance_id, reference)
    page = statements.page_of_device(tx, device.id, offset=offset, limit=limit)
    return device, statements.count_of_device(tx, device.id), page


@operation("ListOTATaskByDevice", qps=10, access=Access.READ, vendor=False)
async def list_ota_task_by_device(call: Call, request: ListOTATaskByDeviceRequest) -> ListOTATaskByDeviceResponse:
    """Pages all tasks of a device, of every package and job, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    device, total, page = await call.services.store.read(
        _of_device, call.instance.id, request.reference, offset, request.page_size
    )
    infos = [
        DeviceTaskInfo(
            task_id=identifiers.task_id(task.job_id, task.id),
            job_id=task.job_id,
            firmware_id=task.firmware_id,
            product_key=task.product_key,
            device_name=device.name,
            module_name=task.module,
            src_version=task.src_version,
            dest_version=task.dest_version,
            task_status=TaskStatus(task.status).name,
            task_desc=task.description,
            progress=f"{task.progress:.2f}",
            utc_create=formats.utc(task.created_at),
            utc_modified=formats.utc(task.modified_at),
        )
        for task in page
    ]
    return ListOTATaskByDeviceResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=DeviceTaskInfos(device_task=infos),
    )
