"""Extra operations, of Skyferry alone: jobs with stages, windows and a halt; pause, preview and progress.

An application that knows only the original never sees anything of them.
"""

from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry.operations import formats
from skyferry.operations.job_creation import (
    CreateJobResponse,
    CreateOTADynamicUpgradeJobRequest,
    CreateOTAStaticUpgradeJobRequest,
    create_dynamic,
    create_static,
    told,
)
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import controls, jobs, preview, rollout
from skyferry.ota.controls import Controls, Window
from skyferry.ota.states import TaskStatus
from skyferry.rpc.operation import Access, Empty, RequestModel, ResponseModel, operation
from skyferry.store import task_counts
from skyferry.store.jobs import JobRecord

_WHOLE: Final = 100
_LONGEST_REASON: Final = 200


class WindowRequest(RequestModel):
    """`Window.N`."""

    cron: str
    """When the window opens: minute, hour, day of month, month, day of week."""
    minutes: int
    """How long it stays open, 1 to 10080."""


class ControlsRequest(RequestModel):
    """How a job is held back."""

    halt_failure_percent: int | None = None
    """The job halts when so many percent of the executed updates have failed, 1 to 100."""
    halt_failure_count: int | None = None
    """The job halts when so many updates have failed."""
    halt_minimum_executed: int = 1
    """The job does not halt before so many updates have ended."""
    stage: list[int] = Field(default_factory=list)
    """`Stage.N`: percent of the devices that may be told by the end of each stage; rising, the last one 100."""
    stage_success_percent: int | None = None
    """A stage is over when so many percent of its devices have succeeded; when all have ended if this is absent."""
    window: list[WindowRequest] = Field(default_factory=list)
    """`Window.N`: pushes go out only while one of up to 10 windows is open."""
    window_time_zone: str = "UTC"
    """The zone of the windows, such as `Europe/Berlin`; `DEVICE` for each device's tag `timezone`."""
    rate_start: int | None = None
    """Pushes per minute at the beginning, 2 to 10000."""
    rate_growth_percent: int | None = None
    """What the rate becomes with each RateGrowthSuccesses, in percent of itself, 101 to 1000."""
    rate_growth_successes: int | None = None
    """After each such number of successes the rate grows, up to MaximumPerMinute."""

    def controls(self) -> Controls:
        """The controls in the words of the update engine."""
        return Controls(
            halt_failure_percent=self.halt_failure_percent,
            halt_failure_count=self.halt_failure_count,
            halt_minimum_executed=self.halt_minimum_executed,
            stages=tuple(self.stage),
            stage_success_percent=self.stage_success_percent,
            windows=tuple(Window(window.cron, window.minutes) for window in self.window),
            window_time_zone=self.window_time_zone,
            rate_start=self.rate_start,
            rate_growth_percent=self.rate_growth_percent,
            rate_growth_successes=self.rate_growth_successes,
        )


class CreateOTARolloutJobRequest(CreateOTAStaticUpgradeJobRequest, ControlsRequest):
    """Parameters of CreateOTARolloutJob."""


@operation("CreateOTARolloutJob", qps=20, access=Access.WRITE, vendor=False)
async def create_ota_rollout_job(call: Call, request: CreateOTARolloutJobRequest) -> CreateJobResponse:
    """Makes a static job that halts on failures and goes by stages, windows or a growing rate."""
    return await create_static(call, await told(call, request, request.controls()))


class CreateOTADynamicRolloutJobRequest(CreateOTADynamicUpgradeJobRequest, ControlsRequest):
    """Parameters of CreateOTADynamicRolloutJob."""


@operation("CreateOTADynamicRolloutJob", qps=20, access=Access.WRITE, vendor=False)
async def create_ota_dynamic_rollout_job(call: Call, request: CreateOTADynamicRolloutJobRequest) -> CreateJobResponse:
    """Makes a dynamic job that halts on failures and goes by windows or a growing rate; it has no stages."""
    return await create_dynamic(call, request, request.controls())


class JobRequest(InstanceRequest):
    """Names a job."""

    job_id: str
    """The job."""


class UpdateOTARolloutRequest(JobRequest, ControlsRequest):
    """Parameters of UpdateOTARollout."""


def _change(tx: Connection, instance_id: int, job_id: str, told: Controls, now: int) -> None:
    rollout.change(tx, jobs.find(tx, instance_id, job_id, for_change=True), told, now)


@operation("UpdateOTARollout", qps=10, access=Access.WRITE, vendor=False)
async def update_ota_rollout(call: Call, request: UpdateOTARolloutRequest) -> Empty:
    """Replaces what holds a job back, of a dynamic job too; what is not sent is lifted."""
    services = call.services
    await services.store.write(_change, call.instance.id, request.job_id, request.controls(), services.clock.now_ms())
    services.bus.wake()
    return Empty()


class WindowInfo(ResponseModel):
    """A maintenance window."""

    cron: str
    minutes: int


class RolloutInfo(ResponseModel):
    """`Data` of QueryOTARollout: as CreateOTARolloutJob and UpdateOTARollout were told."""

    halt_failure_percent: int | None
    halt_failure_count: int | None
    halt_minimum_executed: int
    stages: list[int]
    stage_success_percent: int | None
    windows: list[WindowInfo]
    window_time_zone: str
    rate_start: int | None
    rate_growth_percent: int | None
    rate_growth_successes: int | None


class QueryOTARolloutResponse(ResponseModel):
    """Answer of QueryOTARollout."""

    data: RolloutInfo


@operation("QueryOTARollout", qps=10, access=Access.READ, vendor=False)
async def query_ota_rollout(call: Call, request: JobRequest) -> QueryOTARolloutResponse:
    """Tells what holds a job back."""
    held_back = controls.of(await call.services.store.read(jobs.find, call.instance.id, request.job_id))
    return QueryOTARolloutResponse(
        data=RolloutInfo(
            halt_failure_percent=held_back.halt_failure_percent,
            halt_failure_count=held_back.halt_failure_count,
            halt_minimum_executed=held_back.halt_minimum_executed,
            stages=list(held_back.stages),
            stage_success_percent=held_back.stage_success_percent,
            windows=[WindowInfo(cron=window.cron, minutes=window.minutes) for window in held_back.windows],
            window_time_zone=held_back.window_time_zone,
            rate_start=held_back.rate_start,
            rate_growth_percent=held_back.rate_growth_percent,
            rate_growth_successes=held_back.rate_growth_successes,
        )
    )


class PauseOTAJobRequest(JobRequest):
    """Parameters of PauseOTAJob."""

    reason: str = ""
    """Up to 200 characters for those who find the job paused."""


def _pause(tx: Connection, instance_id: int, job_id: str, reason: str, now: int) -> None:
    rollout.pause(tx, jobs.find(tx, instance_id, job_id, for_change=True), reason, now)


@operation("PauseOTAJob", qps=10, access=Access.WRITE, vendor=False)
async def pause_ota_job(call: Call, request: PauseOTAJobRequest) -> Empty:
    """Lets a job push nothing until it is resumed; what devices have begun runs on."""
    reason = f"paused by {call.caller}" + (f": {request.reason[:_LONGEST_REASON]}" if request.reason else "")
    await call.services.store.write(_pause, call.instance.id, request.job_id, reason, call.services.clock.now_ms())
    return Empty()


def _resume(tx: Connection, instance_id: int, job_id: str, now: int) -> None:
    rollout.resume(tx, jobs.find(tx, instance_id, job_id, for_change=True), now)


@operation("ResumeOTAJob", qps=10, access=Access.WRITE, vendor=False)
async def resume_ota_job(call: Call, request: JobRequest) -> Empty:
    """Lets a paused or halted job go on; failures so far halt it no more."""
    await call.services.store.write(_resume, call.instance.id, request.job_id, call.services.clock.now_ms())
    call.services.bus.wake()
    return Empty()


class VersionCount(ResponseModel):
    """How many devices run a version."""

    version: str
    count: int


class PreviewInfo(ResponseModel):
    """`Data` of PreviewOTAJob."""

    devices: int
    """Devices that the job asks for, whether they can be updated or not."""
    without_version: int
    """Those that cannot because they have reported no version of the module,"""
    up_to_date: int
    """because they run the version of the package,"""
    other_version: int
    """because they run another one than the source versions."""
    candidates: int
    """Devices that could be updated."""
    selected: int
    """Devices that would get a task."""
    busy: int
    """Candidates with another open task."""
    busy_is_exact: bool
    """False when there are more: of all devices of a product, 10,000 of them are counted."""
    unknown_names: int
    """Names in the list file that no device has."""
    complete: bool
    """False when only the first names of a long list file were looked at."""
    versions: list[VersionCount]
    """The commonest versions of the candidates."""
    device_names: list[str]
    """The first devices that would get a task."""


class PreviewOTAJobResponse(ResponseModel):
    """Answer of PreviewOTAJob."""

    data: PreviewInfo


@operation("PreviewOTAJob", qps=5, access=Access.READ, vendor=False)
async def preview_ota_job(call: Call, request: CreateOTARolloutJobRequest) -> PreviewOTAJobResponse:
    """Tells whom a static job would update, and makes none; it is refused where the job would be."""
    services = call.services
    found = await services.store.read(
        preview.static,
        await told(call, request, request.controls()),
        instance_id=call.instance.id,
        limits=services.engine_limits,
        now=services.clock.now_ms(),
    )
    return PreviewOTAJobResponse(
        data=PreviewInfo(
            devices=found.devices,
            without_version=found.without_version,
            up_to_date=found.up_to_date,
            other_version=found.other_version,
            candidates=found.candidates,
            selected=found.selected,
            busy=found.busy,
            busy_is_exact=found.busy_is_exact,
            unknown_names=found.unknown,
            complete=found.complete,
            versions=[VersionCount(version=version, count=count) for version, count in found.versions],
            device_names=list(found.names),
        )
    )


class StateCount(ResponseModel):
    """How many tasks are in a state."""

    status: str
    count: int


class ProgressInfo(ResponseModel):
    """`Data` of QueryOTAJobProgress."""

    job_id: str
    job_status: str
    total: int
    """Tasks that the job has by now."""
    states: list[StateCount]
    """How many tasks are in each state; states without tasks are left out."""
    archived_tasks: int
    """How many of them were archived (`task_retention_days`): they are in no list any more."""
    selection_percent: int
    """How much of the fleet, or of the list file, has become tasks."""
    unknown_names: int
    """Names in the list file that no device has."""
    unknown_name_samples: list[str]
    """The first of them."""
    paused: bool
    pause_reason: str | None
    utc_paused: str | None
    stage: int | None
    """The stage that the job is in, from 1; 0 while it still looks for devices."""
    stage_percent: int | None
    """Percent of the devices that may be told in this stage."""
    push_budget: int | None
    """Devices that the stage still lets be told."""
    push_rate: int
    """Pushes per minute at present."""


class QueryOTAJobProgressResponse(ResponseModel):
    """Answer of QueryOTAJobProgress."""

    data: ProgressInfo


def _progress(tx: Connection, instance_id: int, job_id: str) -> tuple[JobRecord, dict[int, int], int]:
    job = jobs.find(tx, instance_id, job_id)
    return job, *task_counts.count_with_archived(tx, job.id)


@operation("QueryOTAJobProgress", qps=10, access=Access.READ, vendor=False)
async def query_ota_job_progress(call: Call, request: JobRequest) -> QueryOTAJobProgressResponse:
    """Tells how far a job is: tasks by state, selection, stage, rate, and why it is paused."""
    job, counts, archived = await call.services.store.read(_progress, call.instance.id, request.job_id)
    stages = controls.of(job).stages
    selected = _WHOLE if job.select_up_to == 0 else job.selected_up_to * _WHOLE // job.select_up_to
    return QueryOTAJobProgressResponse(
        data=ProgressInfo(
            job_id=job.job_id,
            job_status=job.status,
            total=sum(counts.values()),
            states=[StateCount(status=TaskStatus(state).name, count=count) for state, count in sorted(counts.items())],
            archived_tasks=archived,
            selection_percent=selected,
            unknown_names=job.unknown_names,
            unknown_name_samples=job.unknown_sample or [],
            paused=job.paused_at is not None,
            pause_reason=job.pause_reason,
            utc_paused=formats.utc_or_none(job.paused_at),
            stage=job.stage if stages else None,
            stage_percent=stages[job.stage - 1] if stages and job.stage else None,
            push_budget=job.push_budget,
            push_rate=job.push_rate or job.maximum_per_minute,
        )
    )
