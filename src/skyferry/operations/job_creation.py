"""Operations that make jobs (control-plane reference §5.6, §5.7)."""

import dataclasses

from pydantic import Field

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.objects.interface import StoreAwayError
from skyferry.operations import formats, job_tags
from skyferry.operations.job_tags import Tag
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import jobs, listfile
from skyferry.ota.controls import NONE, Controls
from skyferry.ota.models import JobOptions, NewDynamicJob, NewStaticJob
from skyferry.rpc import gateway_errors
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store.jobs import JobRecord


class JobRequest(InstanceRequest):
    """What every kind of job can be told."""

    firmware_id: str
    product_key: str
    """The product of the package."""
    timeout_in_minutes: int | None = None
    """1 to 1440, from the first report of progress; no limit when absent."""
    need_push: bool = True
    """Tell the devices; when false they have to ask."""
    need_confirm: bool = False
    """Tasks wait for ConfirmOTATask."""
    download_protocol: str | None = None
    """`HTTPS` (when absent), or `MQTT` for a package of one file of at most 16 MB."""
    tag: list[Tag] = Field(default_factory=list)
    """Up to 10 tags, 4096 characters in all."""

    def options(self) -> JobOptions:
        """The options in the words of the update engine.

        Raises:
            ApiError: a tag without its key or value, or a key twice.
        """
        return JobOptions(
            timeout_minutes=self.timeout_in_minutes,
            need_push=self.need_push,
            need_confirm=self.need_confirm,
            download_protocol=self.download_protocol or None,
            tags=job_tags.read(self.tag),
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
    """1 to 10 devices that can take the package, each once."""


@operation(
    "CreateOTAVerifyJob",
    qps=10,
    access=Access.WRITE,
)
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
    """Up to 10 versions that are updated, each once; of a differential package its own."""
    maximum_per_minute: int | None = None
    """Devices that are told within a minute: 10 to 10000; 10000 when absent."""
    overwrite_mode: int | None = None
    """1 (when absent): an older pending task of a device stays, 2: it is replaced."""
    multi_module_mode: bool = False
    """Modules of a device are updated independently of each other."""
    retry_interval: int | None = None
    """Minutes until another try: 0, 10, 30, 60 or 1440, below TimeoutInMinutes; none when absent."""
    retry_count: int | None = None
    """Tries after the first: 1, 2 or 5; required with RetryInterval."""
    group_id: str | None = None
    """The group of devices."""
    group_type: str | None = None
    """`LINK_PLATFORM` in static jobs, `LINK_PLATFORM_DYNAMIC` in dynamic ones."""

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
    """`ALL`, `SPECIFIC`, `GRAY` or `GROUP`."""
    target_device_name: list[str] = Field(default_factory=list)
    """Up to 200 devices, each once: with SPECIFIC, unless there is a DnListFileUrl."""
    dn_list_file_url: str | None = None
    """A list of names, uploaded by GenerateDeviceNameListURL: with SPECIFIC."""
    gray_percent: str | None = None
    """The share of devices in percent, up to three decimals: with GRAY."""
    schedule_time: int | None = None
    """When to start, 5 minutes to 7 days from now, in Unix milliseconds; at once when absent."""
    schedule_finish_time: int | None = None
    """When to end, 1 hour to 30 days after ScheduleTime, in Unix milliseconds."""


async def told(call: Call, request: CreateOTAStaticUpgradeJobRequest, controls: Controls = NONE) -> NewStaticJob:
    """What a request says of a static job, its list file looked at.

    Raises:
        ApiError: the list file is not there, names too many devices or cannot be read now, or a tag is malformed.
    """
    services = call.services
    name_list = None
    if request.dn_list_file_url:
        try:
            name_list = await listfile.inspect(
                services.store, services.objects, call.instance.id, request.dn_list_file_url
            )
        except StoreAwayError:
            raise ApiError(gateway_errors.SERVICE_UNAVAILABLE, "The list file cannot be read now.") from None
    return NewStaticJob(
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
        controls=controls,
    )


async def create_static(call: Call, new: NewStaticJob) -> CreateJobResponse:
    """Makes a static job and lets the worker begin.

    Raises:
        ApiError: see `skyferry.ota.jobs.create_static`.
    """
    services = call.services
    job = await services.store.write(
        jobs.create_static,
        new,
        instance_id=call.instance.id,
        limits=services.engine_limits,
        now=services.clock.now_ms(),
    )
    services.bus.wake()
    return _created(job)


@operation(
    "CreateOTAStaticUpgradeJob",
    qps=20,
    access=Access.WRITE,
    deviations=(
        "A named device that runs the destination version, or reported none, is an error; others like it are left out.",
        "At ScheduleFinishTime, what has not begun is cancelled and the job is COMPLETED; updates in progress run on.",
    ),
)
async def create_ota_static_upgrade_job(call: Call, request: CreateOTAStaticUpgradeJobRequest) -> CreateJobResponse:
    """Starts the update of the devices of a product: all, a share of them, a group, or named ones."""
    return await create_static(call, await told(call, request))


class CreateOTADynamicUpgradeJobRequest(UpgradeRequest):
    """Parameters of CreateOTADynamicUpgradeJob."""

    dynamic_mode: int | None = None
    """1 (when absent): devices that match now or later, 2: devices that report later."""
    target_selection: str | None = None
    """Only static jobs have a selection: GRAY and SPECIFIC are refused."""
    target_device_name: list[str] = Field(default_factory=list)
    """Of static jobs: refused."""
    gray_percent: str | None = None
    """Of static jobs: refused."""
    schedule_time: int | None = None
    """Of static jobs: refused, as a dynamic job begins at once."""


def _check_dynamic(request: CreateOTADynamicUpgradeJobRequest) -> None:
    """Refuses what would limit a static job: a dynamic one that ignored it would update more than is asked for (§5.7).

    Raises:
        ApiError: the documented error.
    """
    if request.target_selection == "GRAY":
        raise ApiError(codes.DYNAMIC_GRAY_NOT_SUPPORTED)
    if request.target_selection == "SPECIFIC":
        raise ApiError(codes.DYNAMIC_SPECIFIC_NOT_SUPPORTED)
    if request.target_device_name:
        raise ApiError(codes.TARGET_DEVICE_NAMES_NOT_ALLOWED, "TargetDeviceName.N goes with static jobs only: drop it.")
    if request.gray_percent:
        raise ApiError(codes.GRAY_APPLIES_TO_STATIC_ONLY)
    if request.schedule_time is not None:
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER, "ScheduleTime goes with static jobs only: a dynamic job begins at once."
        )


async def create_dynamic(
    call: Call, request: CreateOTADynamicUpgradeJobRequest, controls: Controls = NONE
) -> CreateJobResponse:
    """Makes a dynamic job and lets the worker begin.

    Raises:
        ApiError: see `skyferry.ota.jobs.create_dynamic`.
    """
    _check_dynamic(request)
    services = call.services
    new = NewDynamicJob(
        firmware_id=request.firmware_id,
        product_key=request.product_key,
        src_versions=request.src_version,
        group_id=request.group_id,
        group_type=request.group_type,
        dynamic_mode=request.dynamic_mode,
        options=request.options(),
        controls=controls,
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


@operation(
    "CreateOTADynamicUpgradeJob",
    qps=20,
    access=Access.WRITE,
    deviations=("A package has one running dynamic job, whatever its source versions are.",),
)
async def create_ota_dynamic_upgrade_job(call: Call, request: CreateOTADynamicUpgradeJobRequest) -> CreateJobResponse:
    """Updates devices as soon as they report one of the source versions, or are in a dynamic group."""
    return await create_dynamic(call, request)
