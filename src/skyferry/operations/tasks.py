"""Operations that tell about tasks (control-plane reference §6.1, §6.2)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference
from skyferry.operations import formats
from skyferry.operations.devices import DeviceRequest
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import jobs
from skyferry.ota.states import TaskStatus
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import named_tasks, task_counts
from skyferry.store import packages as package_statements
from skyferry.store import tasks as statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.jobs import JobRecord
from skyferry.store.named_tasks import UnfinishedTask
from skyferry.store.packages import PackageRecord
from skyferry.store.tasks import TaskRecord

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 100
_DEEPEST: Final = 100_000
_MOST_NAMES: Final = 50
_OPEN: Final = [status for status in TaskStatus if status.is_open]


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
    """Without tasks that were archived (`task_retention_days`), which are in no list any more."""
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
    counts = task_counts.count_by_status(tx, job.id, archived=False)
    total = sum(counts.values()) if status is None else counts.get(status, 0)
    page = statements.page_of_job(tx, job.id, offset=offset, limit=request.page_size, status=status)
    return job, package, total, page


def info_of(package: PackageRecord, task: TaskRecord, job_id: str) -> SimpleOTATaskInfo:
    """What lists of tasks tell of one, given its package and the JobId of its job."""
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


def status_of(given: str | None) -> TaskStatus | None:
    """The status that a caller names; None when they name none.

    Raises:
        ApiError: there is no such status.
    """
    if not given:
        return None
    try:
        return TaskStatus[given]
    except KeyError:
        raise ApiError(codes.INVALID_TASK_STATUS) from None


def _offset(request: ListOTATaskByJobRequest) -> int:
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    if offset + request.page_size > _DEEPEST:
        raise ApiError(codes.INVALID_PAGE_PARAMS, f"CurrentPage times PageSize is at most {_DEEPEST}.")
    return offset


@operation(
    "ListOTATaskByJob",
    qps=10,
    access=Access.READ,
    deviations=(
        "PageSize is 10 when absent.",
        "TaskDesc holds sentences of our own, but for `timeout` and `report version is not conform`.",
    ),
)
async def list_ota_task_by_job(call: Call, request: ListOTATaskByJobRequest) -> ListOTATaskByJobResponse:
    """Pages the tasks of a job, or shows those of named devices."""
    offset = 0 if request.device_names else _offset(request)
    if len(request.device_names) > _MOST_NAMES:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"DeviceNames holds at most {_MOST_NAMES} names.")
    job, package, total, page = await call.services.store.read(
        _tasks_of_job, call.instance.id, request, status_of(request.task_status), offset
    )
    infos = [info_of(package, task, job.job_id) for task in page]
    current_page, page_size = request.current_page, request.page_size
    if request.device_names:
        current_page, page_size = 1, max(total, 1)
    return ListOTATaskByJobResponse(
        current_page=current_page,
        page_size=page_size,
        page_count=formats.page_count(total, page_size),
        total=total,
        data=TaskInfos(simple_ota_task_info=infos),
    )


class ListOTAUnfinishedTaskByDeviceRequest(DeviceRequest):
    """Parameters of ListOTAUnfinishedTaskByDevice."""

    module_name: str | None = None
    """Only tasks of this module."""
    task_status: str | None = None
    """CONFIRM, QUEUED, NOTIFIED or IN_PROGRESS; all of them when neither this nor TaskStatusList is given."""
    task_status_list: list[str] = Field(default_factory=list)
    """Several of these; it wins over TaskStatus."""


class UnfinishedTaskInfo(ResponseModel):
    """One open task of a device."""

    task_id: str
    job_id: str
    firmware_id: str
    product_key: str
    product_name: str
    device_name: str
    iot_id: str
    module_name: str
    src_version: str
    dest_version: str
    task_status: str
    utc_create: str
    utc_modified: str


class UnfinishedTaskInfos(ResponseModel):
    """Wraps the list."""

    simple_ota_task_info: list[UnfinishedTaskInfo] = Field(alias="SimpleOTATaskInfo")


class ListOTAUnfinishedTaskByDeviceResponse(ResponseModel):
    """Answer of ListOTAUnfinishedTaskByDevice."""

    data: UnfinishedTaskInfos


def _open_statuses(request: ListOTAUnfinishedTaskByDeviceRequest) -> list[TaskStatus]:
    """The states asked for: TaskStatusList wins over TaskStatus (§12, 32); all open ones without either."""
    given = request.task_status_list or ([request.task_status] if request.task_status else [])
    if not given:
        return _OPEN
    found = [TaskStatus.__members__.get(name) for name in given]
    statuses = [status for status in found if status is not None and status.is_open]
    if len(statuses) < len(given):
        raise ApiError(codes.INVALID_TASK_STATUS, f"Unfinished tasks are {', '.join(status.name for status in _OPEN)}.")
    return statuses


def _unfinished(
    tx: Connection, instance_id: int, reference: DeviceReference, statuses: Sequence[TaskStatus], module: str | None
) -> tuple[DeviceRecord, Sequence[UnfinishedTask]]:
    device = devices.find(tx, instance_id, reference)
    return device, named_tasks.unfinished_of_device(tx, device.id, statuses=statuses, module=module)


@operation(
    "ListOTAUnfinishedTaskByDevice",
    qps=10,
    access=Access.READ,
    deviations=("When both are given, TaskStatusList counts and TaskStatus does not.",),
)
async def list_ota_unfinished_task_by_device(
    call: Call, request: ListOTAUnfinishedTaskByDeviceRequest
) -> ListOTAUnfinishedTaskByDeviceResponse:
    """Lists the tasks that a device has not finished, of all its jobs."""
    device, found = await call.services.store.read(
        _unfinished, call.instance.id, request.reference, _open_statuses(request), request.module_name or None
    )
    infos = [
        UnfinishedTaskInfo(
            task_id=identifiers.task_id(task.job_id, task.id),
            job_id=task.job_id,
            firmware_id=task.firmware_id,
            product_key=task.product_key,
            product_name=task.product_name,
            device_name=device.name,
            iot_id=device.iot_id,
            module_name=task.module,
            src_version=task.src_version,
            dest_version=task.dest_version,
            task_status=TaskStatus(task.status).name,
            utc_create=formats.utc(task.created_at),
            utc_modified=formats.utc(task.modified_at),
        )
        for task in found
    ]
    return ListOTAUnfinishedTaskByDeviceResponse(data=UnfinishedTaskInfos(simple_ota_task_info=infos))
