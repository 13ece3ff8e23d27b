"""Operations that tell about jobs (control-plane reference §5.9, §5.10)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry.fleet import devices
from skyferry.fleet.devices import DeviceReference
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import gray, jobs, packages
from skyferry.ota.states import JobStatus, JobType
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import groups
from skyferry.store import jobs as statements
from skyferry.store import packages as package_statements
from skyferry.store.groups import GroupRecord
from skyferry.store.jobs import JobRecord
from skyferry.store.packages import PackageRecord

_LARGEST_PAGE: Final = 200
_LARGEST_PAGE_OF_DEVICE: Final = 100
_DESCRIPTIONS: Final = {JobType.VERIFY: "verify firmware", JobType.UPGRADE: "batch upgrade"}


class QueryOTAJobRequest(InstanceRequest):
    """Parameters of QueryOTAJob."""

    job_id: str


class TagInfo(ResponseModel):
    """One tag of a job."""

    key: str
    value: str


class TagInfos(ResponseModel):
    """Wraps the tags; the list's name is not in camel case on the wire."""

    ota_tag_dto: list[TagInfo] = Field(alias="OtaTagDTO")


class SrcVersions(ResponseModel):
    """Wraps the source versions."""

    src_version: list[str]


class JobDetails(ResponseModel):
    """`Data` of QueryOTAJob."""

    job_id: str
    firmware_id: str
    product_key: str
    name: str
    dest_version: str
    job_desc: str
    job_type: str
    job_status: str
    selection_type: str
    target_selection: str
    src_versions: SrcVersions
    gray_percent: str | None
    group_id: str | None
    group_name: str | None
    dynamic_mode: int | None
    overwrite_mode: int
    maximum_per_minute: int
    retry_interval: int | None
    retry_count: int | None
    timeout_in_minutes: int | None
    need_push: bool
    need_confirm: bool
    multi_module_mode: bool
    download_protocol: str
    tags: TagInfos
    utc_create: str
    utc_modified: str
    utc_start_time: str | None
    utc_end_time: str | None
    utc_schedule_time: str | None
    utc_schedule_finish_time: str | None


class QueryOTAJobResponse(ResponseModel):
    """Answer of QueryOTAJob."""

    data: JobDetails


def _tags(job: JobRecord) -> TagInfos:
    return TagInfos(ota_tag_dto=[TagInfo(key=key, value=value) for key, value in job.tags.items()])


def _job(tx: Connection, instance_id: int, job_id: str) -> tuple[JobRecord, PackageRecord, GroupRecord | None]:
    job = jobs.find(tx, instance_id, job_id)
    package = package_statements.by_ids(tx, [job.package_id])[job.package_id]
    return job, package, groups.find_any(tx, instance_id, job.group_id) if job.group_id else None


@operation("QueryOTAJob", qps=10, access=Access.READ, deviations=("JobDesc of a verify job is `verify firmware`.",))
async def query_ota_job(call: Call, request: QueryOTAJobRequest) -> QueryOTAJobResponse:
    """Tells everything about one job."""
    job, package, group = await call.services.store.read(_job, call.instance.id, request.job_id)
    return QueryOTAJobResponse(
        data=JobDetails(
            job_id=job.job_id,
            firmware_id=package.firmware_id,
            product_key=package.product_key,
            name=package.name,
            dest_version=package.dest_version,
            job_desc=_DESCRIPTIONS[JobType(job.type)],
            job_type=job.type,
            job_status=job.status,
            selection_type=job.selection,
            target_selection=job.target_selection,
            src_versions=SrcVersions(src_version=job.src_versions),
            gray_percent=None if job.gray_share is None else gray.shown(job.gray_share),
            group_id=job.group_id,
            group_name=None if group is None else group.name,
            dynamic_mode=job.dynamic_mode,
            overwrite_mode=job.overwrite_mode,
            maximum_per_minute=job.maximum_per_minute,
            retry_interval=job.retry_interval_minutes,
            retry_count=job.retry_count,
            timeout_in_minutes=job.timeout_minutes,
            need_push=job.need_push,
            need_confirm=job.need_confirm,
            multi_module_mode=job.multi_module,
            download_protocol=job.download_protocol,
            tags=_tags(job),
            utc_create=formats.utc(job.created_at),
            utc_modified=formats.utc(job.modified_at),
            utc_start_time=formats.utc_or_none(job.started_at),
            utc_end_time=formats.utc_or_none(job.ended_at),
            utc_schedule_time=formats.utc_or_none(job.schedule_at),
            utc_schedule_finish_time=formats.utc_or_none(job.finish_at),
        )
    )


class ListOTAJobByFirmwareRequest(InstanceRequest):
    """Parameters of ListOTAJobByFirmware."""

    firmware_id: str
    current_page: int
    page_size: int
    """1 to 200."""


class SimpleOTAJobInfo(ResponseModel):
    """One job in a list."""

    job_id: str
    firmware_id: str
    product_key: str
    job_status: str
    job_type: str
    selection_type: str
    target_selection: str
    tags: TagInfos
    utc_create: str
    utc_modified: str
    utc_start_time: str | None
    utc_end_time: str | None


class JobInfos(ResponseModel):
    """Wraps the list."""

    simple_ota_job_info: list[SimpleOTAJobInfo] = Field(alias="SimpleOTAJobInfo")


class ListOTAJobByFirmwareResponse(ResponseModel):
    """Answer of ListOTAJobByFirmware."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    data: JobInfos


def _infos(package: PackageRecord, page: Sequence[JobRecord]) -> JobInfos:
    infos = [
        SimpleOTAJobInfo(
            job_id=job.job_id,
            firmware_id=package.firmware_id,
            product_key=package.product_key,
            job_status=job.status,
            job_type=job.type,
            selection_type=job.selection,
            target_selection=job.target_selection,
            tags=_tags(job),
            utc_create=formats.utc(job.created_at),
            utc_modified=formats.utc(job.modified_at),
            utc_start_time=formats.utc_or_none(job.started_at),
            utc_end_time=formats.utc_or_none(job.ended_at),
        )
        for job in page
    ]
    return JobInfos(simple_ota_job_info=infos)


def _jobs_of_package(
    tx: Connection, instance_id: int, firmware_id: str, offset: int, limit: int
) -> tuple[PackageRecord, int, Sequence[JobRecord]]:
    package = packages.find(tx, instance_id, firmware_id)
    total = statements.count_of_package(tx, package.id)
    return package, total, statements.page_of_package(tx, package.id, offset=offset, limit=limit)


@operation("ListOTAJobByFirmware", qps=10, access=Access.READ)
async def list_ota_job_by_firmware(call: Call, request: ListOTAJobByFirmwareRequest) -> ListOTAJobByFirmwareResponse:
    """Pages the jobs of a package, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    package, total, page = await call.services.store.read(
        _jobs_of_package, call.instance.id, request.firmware_id, offset, request.page_size
    )
    return ListOTAJobByFirmwareResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=_infos(package, page),
    )


class ListOTAJobByDeviceRequest(InstanceRequest):
    """Parameters of ListOTAJobByDevice."""

    firmware_id: str
    product_key: str
    device_name: str
    """The name of the device in the product."""
    current_page: int
    page_size: int
    """1 to 100."""


class ListOTAJobByDeviceResponse(ListOTAJobByFirmwareResponse):
    """Answer of ListOTAJobByDevice."""


def _jobs_of_device(
    tx: Connection, instance_id: int, request: ListOTAJobByDeviceRequest, offset: int
) -> tuple[PackageRecord, int, Sequence[JobRecord]]:
    package = packages.find_of_product(tx, instance_id, request.firmware_id, request.product_key)
    reference = DeviceReference(None, request.product_key, request.device_name)
    device = devices.find(tx, instance_id, reference)
    total = statements.count_of_device(tx, package.id, device.id, without=JobStatus.PLANNED)
    page = statements.page_of_device(
        tx, package.id, device.id, without=JobStatus.PLANNED, offset=offset, limit=request.page_size
    )
    return package, total, page


@operation("ListOTAJobByDevice", qps=10, access=Access.READ)
async def list_ota_job_by_device(call: Call, request: ListOTAJobByDeviceRequest) -> ListOTAJobByDeviceResponse:
    """Pages the jobs of a package that have begun and have a task for a device, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE_OF_DEVICE)
    package, total, page = await call.services.store.read(_jobs_of_device, call.instance.id, request, offset)
    return ListOTAJobByDeviceResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=_infos(package, page),
    )
