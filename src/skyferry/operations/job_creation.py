"""Operations that make jobs (control-plane reference §5.6, §5.7)."""

import dataclasses

from pydantic import Field

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import jobs, listfile
from skyferry.ota.models import JobOptions, NewDynamicJob, NewStaticJob
from skyferry.rpc.operation import Access, RequestModel, ResponseModel, operation
from skyferry.store.jobs import JobRecord


class Tag(RequestModel):
    """`Tag.N`."""

    key: str | None = None
    value: str | None = None


class JobRequest(InstanceRequest):
    """What every kind of job can be told."""

    firmware_id: str
    product_key: str
    timeout_in_minutes: int | None = None
    need_push: bool = True
    need_confirm: bool = False
    download_protocol: str | None = None
    tag: list[Tag] = Field(default_factory=list)

    def options(self) -> JobOptions:
        """The options in the words of the update engine.

        Raises:
            ApiError: a tag without its key or value, or a key twice.
        """
        tags: dict[str, str] = {}
        for tag in self.tag:
            if not tag.key or not tag.value:
                raise ApiError(codes.INVALID_TAG, "Each tag needs its Key and its Value.")
            if tag.key in tags:
                raise ApiError(codes.TAG_KEY_DUPLICATED, f"The tag {tag.key} is given twice.")
            tags[tag.key] = tag.value
        return JobOptions(
            timeout_minutes=self.timeout_in_minutes,
            need_push=self.need_push,
            need_confirm=self.need_confirm,
            download_protocol=self.download_protocol or None,
            tags=tags,
        )


class CreatedJob(ResponseModel):
    """`Data` of the operations that make a job."""

    job_id: str
    utc_create: str


class CreateJobResponse(ResponseModel):
    """Answer of the operations that make a job."""

    data: CreatedJob


def _created(job: JobRecord) -> CreateJobResponse:
    return CreateJobResponse(data=CreatedJob(job_id=job.job_id, utc_create=formats.utc(job.created_at)))


class CreateOTAVerifyJobRequest(JobRequest):
    """Parameters of CreateOTAVerifyJob."""

    target_device_name: list[str]


@operation("CreateOTAVerifyJob", qps=10, access=Access.WRITE)
async def create_ota_verify_job(call: Call, request: CreateOTAVerifyJobRequest) -> CreateJobResponse:
    """Starts the verification of a package on up to ten devices."""
    services = call.services
    job = await services.store.write(
        jobs.create_verify,
        instance_id=call.instance.id,
        firmware_id=request.firmware_id,
        product_key=request.product_key,
        device_names=request.target_device_name,
        told=request.options(),
        limits=services.engine_limits,
        now=services.clock.now_ms(),
    )
    services.bus.wake()
    return _created(job)


class UpgradeRequest(JobRequest):
    """What the jobs for a fleet can be told."""

    src_version: list[str] = Field(default_factory=list)
    maximum_per_minute: int | None = None
    overwrite_mode: int | None = None
    multi_module_mode: bool = False
    retry_interval: int | None = None
    retry_count: int | None = None
    group_id: str | None = None
    group_type: str | None = None

    def options(self) -> JobOptions:
        """The options in the words of the update engine."""
        return dataclasses.replace(
            super().options(),
            maximum_per_minute=self.maximum_per_minute,
            overwrite_mode=self.overwrite_mode,
            multi_module=self.multi_module_mode,
            retry_interval_minutes=self.retry_interval,
            retry_count=self.retry_count,
        )


class CreateOTAStaticUpgradeJobRequest(UpgradeRequest):
    """Parameters of CreateOTAStaticUpgradeJob; times are milliseconds since the Unix epoch."""

    target_selection: str
    target_device_name: list[str] = Field(default_factory=list)
    dn_list_file_url: str | None = None
    gray_percent: str | None = None
    schedule_time: int | None = None
    schedule_finish_time: int | None = None


@operation("CreateOTAStaticUpgradeJob", qps=20, access=Access.WRITE)
async def create_ota_static_upgrade_job(call: Call, request: CreateOTAStaticUpgradeJobRequest) -> CreateJobResponse:
    """Starts the update of the devices of a product: all, a share of them, a group, or named ones."""
    services = call.services
    name_list = None
    if request.dn_list_file_url:
        name_list = await listfile.inspect(services.store, services.objects, call.instance.id, request.dn_list_file_url)
    new = NewStaticJob(
        firmware_id=request.firmware_id,
        product_key=request.product_key,
        target_selection=request.target_selection,
        src_versions=request.src_version,
        device_names=request.target_device_name,
        name_list=name_list,
        gray_percent=request.gray_percent,
        group_id=request.group_id,
        group_type=request.group_type,
        schedule_at=request.schedule_time,
        finish_at=request.schedule_finish_time,
        options=request.options(),
    )
    job = await services.store.write(
        jobs.create_static,
        new,
        instance_id=call.instance.id,
        limits=services.engine_limits,
        now=services.clock.now_ms(),
    )
    services.bus.wake()
    return _created(job)


class CreateOTADynamicUpgradeJobRequest(UpgradeRequest):
    """Parameters of CreateOTADynamicUpgradeJob."""

    dynamic_mode: int | None = None


@operation("CreateOTADynamicUpgradeJob", qps=20, access=Access.WRITE)
async def create_ota_dynamic_upgrade_job(call: Call, request: CreateOTADynamicUpgradeJobRequest) -> CreateJobResponse:
    """Updates devices as soon as they report one of the source versions, or are in a dynamic group."""
    services = call.services
    new = NewDynamicJob(
        firmware_id=request.firmware_id,
        product_key=request.product_key,
        src_versions=request.src_version,
        group_id=request.group_id,
        group_type=request.group_type,
        dynamic_mode=request.dynamic_mode,
        options=request.options(),
    )
    job = await services.store.write(
        jobs.create_dynamic,
        new,
        instance_id=call.instance.id,
        limits=services.engine_limits,
        now=services.clock.now_ms(),
    )
    services.bus.wake()
    return _created(job)
