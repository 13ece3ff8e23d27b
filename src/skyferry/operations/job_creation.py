"""Operations that make jobs (control-plane reference §5.6, §5.7)."""

from typing import Final

from pydantic import Field

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import jobs
from skyferry.ota.models import JobOptions, NewStaticJob
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

    def options(
        self,
        *,
        maximum_per_minute: int | None = None,
        overwrite_mode: int | None = None,
        multi_module: bool = False,
    ) -> JobOptions:
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
            maximum_per_minute=maximum_per_minute,
            overwrite_mode=overwrite_mode,
            need_push=self.need_push,
            need_confirm=self.need_confirm,
            multi_module=multi_module,
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
        options=request.options(),
        limits=services.engine_limits,
        now=services.clock.now_ms(),
    )
    services.bus.wake()
    return _created(job)


class CreateOTAStaticUpgradeJobRequest(JobRequest):
    """Parameters of CreateOTAStaticUpgradeJob."""

    target_selection: str
    src_version: list[str] = Field(default_factory=list)
    target_device_name: list[str] = Field(default_factory=list)
    maximum_per_minute: int | None = None
    overwrite_mode: int | None = None
    multi_module_mode: bool = False
    dn_list_file_url: str | None = None
    gray_percent: str | None = None
    group_id: str | None = None
    group_type: str | None = None
    schedule_time: int | None = None
    schedule_finish_time: int | None = None
    retry_interval: int | None = None
    retry_count: int | None = None


_NOT_OFFERED: Final = (
    "dn_list_file_url",
    "gray_percent",
    "group_id",
    "group_type",
    "schedule_time",
    "schedule_finish_time",
    "retry_interval",
    "retry_count",
)


def _refuse_what_is_not_offered(request: CreateOTAStaticUpgradeJobRequest) -> None:
    """A job that quietly ignored its schedule would be worse than an error."""
    for name in _NOT_OFFERED:
        if getattr(request, name) not in {None, ""}:
            parameter = type(request).model_fields[name].alias
            raise ApiError(codes.API_NOT_SUPPORTED_IN_INSTANCE, f"{parameter} is not offered yet: leave it out.")


@operation("CreateOTAStaticUpgradeJob", qps=20, access=Access.WRITE)
async def create_ota_static_upgrade_job(call: Call, request: CreateOTAStaticUpgradeJobRequest) -> CreateJobResponse:
    """Starts the update of all devices of a product, or of named ones."""
    _refuse_what_is_not_offered(request)
    services = call.services
    new = NewStaticJob(
        firmware_id=request.firmware_id,
        product_key=request.product_key,
        target_selection=request.target_selection,
        src_versions=request.src_version,
        device_names=request.target_device_name,
        options=request.options(
            maximum_per_minute=request.maximum_per_minute,
            overwrite_mode=request.overwrite_mode,
            multi_module=request.multi_module_mode,
        ),
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
