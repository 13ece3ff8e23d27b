"""Operations that change jobs (control-plane reference §5.8, §6.5)."""

from pydantic import Field

from skyferry.operations import job_tags
from skyferry.operations.job_tags import Tag
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import cancel_job, updates
from skyferry.ota.cancel_job import CancelFlags
from skyferry.ota.updates import JobUpdate
from skyferry.rpc.operation import Access, Empty, operation


class UpdateOTAJobRequest(InstanceRequest):
    """Parameters of UpdateOTAJob."""

    job_id: str
    """A static or dynamic job that is planned or runs."""
    upgrade_type: str
    """STATIC or DYNAMIC, as the job is."""
    target_selection: str
    """As the job's; a dynamic job's is ALL, or GROUP when it is for a group."""
    maximum_per_minute: int
    """10 to 10000 devices a minute, also when it stays the same."""
    tags: list[Tag] = Field(default_factory=list)
    """All tags of the job from now on, up to 10; none when absent."""
    src_version_list: list[str] = Field(default_factory=list)
    """Of a dynamic job that is for source versions: these from now on, up to 10."""
    timeout_in_minutes: int | None = None
    """1 to 1440; of a dynamic job, for tasks that it makes from now on."""


@operation(
    "UpdateOTAJob",
    qps=10,
    access=Access.WRITE,
    deviations=(
        "UpgradeType and TargetSelection are compared in any letter case.",
        "SrcVersionList and TimeoutInMinutes have no effect on a static job; left out, they stay as they are.",
    ),
)
async def update_ota_job(call: Call, request: UpdateOTAJobRequest) -> Empty:
    """Changes the rate and the tags of a job, and which devices a dynamic one matches and how long they may take."""
    told = JobUpdate(
        upgrade_type=request.upgrade_type,
        target_selection=request.target_selection,
        maximum_per_minute=request.maximum_per_minute,
        tags=job_tags.read(request.tags),
        src_versions=request.src_version_list,
        timeout_minutes=request.timeout_in_minutes,
    )
    services = call.services
    await services.store.write(
        updates.update, told, instance_id=call.instance.id, job_id=request.job_id, now=services.clock.now_ms()
    )
    services.bus.wake()
    return Empty()


class CancelOTATaskByJobRequest(InstanceRequest):
    """Parameters of CancelOTATaskByJob. At least one of the flags is given."""

    job_id: str
    """A verify, static or dynamic job."""
    cancel_scheduled_task: bool | None = None
    """The whole job, as long as its ScheduleTime has not come."""
    cancel_queued_task: bool | None = None
    """Tasks in QUEUED; those in CONFIRM too when CancelUnconfirmedTask is absent."""
    cancel_notified_task: bool | None = None
    """Tasks in NOTIFIED."""
    cancel_in_progress_task: bool | None = None
    """Tasks in IN_PROGRESS; their devices are not told to stop."""
    cancel_unconfirmed_task: bool | None = None
    """Tasks in CONFIRM."""


@operation(
    "CancelOTATaskByJob",
    qps=5,
    access=Access.WRITE,
    deviations=(
        "Flags that are all false are no error: nothing is cancelled.",
        "Tasks of a large job are cancelled in portions, the first by the answer; meanwhile the job sends nothing.",
        "The job is CANCELED when the call leaves nothing of it, and a later end of other tasks makes it COMPLETED.",
        "Of a dynamic job whose policy was ended, tasks can be cancelled as long as some are open.",
    ),
)
async def cancel_ota_task_by_job(call: Call, request: CancelOTATaskByJobRequest) -> Empty:
    """Cancels the tasks of a job that are in the named states, or the whole job before its schedule."""
    services = call.services
    await services.store.write(
        cancel_job.cancel_tasks,
        instance_id=call.instance.id,
        job_id=request.job_id,
        flags=CancelFlags(
            scheduled=request.cancel_scheduled_task,
            queued=request.cancel_queued_task,
            notified=request.cancel_notified_task,
            in_progress=request.cancel_in_progress_task,
            unconfirmed=request.cancel_unconfirmed_task,
        ),
        limits=services.engine_limits,
        now=services.clock.now_ms(),
    )
    services.bus.wake()
    return Empty()


class CancelOTAStrategyByJobRequest(InstanceRequest):
    """Parameters of CancelOTAStrategyByJob."""

    job_id: str
    """A dynamic job."""


@operation(
    "CancelOTAStrategyByJob",
    qps=10,
    access=Access.WRITE,
    deviations=("The tasks that the job has made go on; CancelOTATaskByJob ends them.",),
)
async def cancel_ota_strategy_by_job(call: Call, request: CancelOTAStrategyByJobRequest) -> Empty:
    """Ends the policy of a dynamic job: no more devices get a task from it."""
    await call.services.store.write(
        cancel_job.cancel_policy,
        instance_id=call.instance.id,
        job_id=request.job_id,
        now=call.services.clock.now_ms(),
    )
    return Empty()
