"""The jobs of a whole instance: an operation of Skyferry alone."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import products
from skyferry.operations import formats
from skyferry.operations.rollouts import StateCount
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import packages
from skyferry.ota.states import JobStatus, TaskStatus
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import job_lists as statements
from skyferry.store.job_lists import ListedJob

_LARGEST_PAGE: Final = 50


class ListOTAJobsRequest(InstanceRequest):
    """Parameters of ListOTAJobs."""

    job_status: str | None = None
    """Only jobs in this state: PLANNED, IN_PROGRESS, COMPLETED or CANCELED."""
    product_key: str | None = None
    """Only jobs of this product."""
    firmware_id: str | None = None
    """Only jobs of this package."""
    page_size: int = 10
    """1 to 50."""
    next_token: str | None = None
    """NextToken of the page before."""


class ListedJobInfo(ResponseModel):
    """One job in the list."""

    job_id: str
    job_type: str
    job_status: str
    selection_type: str
    target_selection: str
    firmware_id: str
    firmware_name: str
    dest_version: str
    module_name: str
    product_key: str
    product_name: str
    paused: bool
    pause_reason: str | None
    total: int
    """Tasks that the job has by now."""
    states: list[StateCount]
    """How many tasks are in each state; states without tasks are left out."""
    utc_create: str
    utc_start_time: str | None
    utc_end_time: str | None
    utc_schedule_time: str | None


class ListedJobInfos(ResponseModel):
    """Wraps the list."""

    job_info: list[ListedJobInfo] = Field(alias="JobInfo")


class ListOTAJobsResponse(ResponseModel):
    """Answer of ListOTAJobs."""

    data: ListedJobInfos
    next_token: str | None
    """Leads to the next page; absent on the last one."""


def _jobs(
    tx: Connection, instance_id: int, request: ListOTAJobsRequest, before: int | None
) -> tuple[Sequence[ListedJob], Mapping[int, Mapping[int, int]]]:
    product = products.find(tx, instance_id, request.product_key) if request.product_key else None
    package = packages.find(tx, instance_id, request.firmware_id) if request.firmware_id else None
    page = statements.page_of_instance(
        tx,
        instance_id,
        status=request.job_status or None,
        product_id=None if product is None else product.id,
        package_id=None if package is None else package.id,
        before=before,
        limit=request.page_size + 1,
    )
    return page, statements.counts_of_jobs(tx, [job.id for job in page[: request.page_size]])


@operation("ListOTAJobs", qps=10, access=Access.READ, vendor=False)
async def list_ota_jobs(call: Call, request: ListOTAJobsRequest) -> ListOTAJobsResponse:
    """Pages the jobs of the instance, newest first, with what they send and how many tasks are in each state."""
    if request.job_status and request.job_status not in set(JobStatus):
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER, "JobStatus is PLANNED, IN_PROGRESS, COMPLETED or CANCELED, or absent."
        )
    formats.offset(1, request.page_size, most=_LARGEST_PAGE)
    before = formats.key_of(request.next_token) if request.next_token else None
    found, counts = await call.services.store.read(_jobs, call.instance.id, request, before)
    page = found[: request.page_size]
    return ListOTAJobsResponse(
        data=ListedJobInfos(job_info=[_info(job, counts.get(job.id, {})) for job in page]),
        next_token=formats.next_token(page[-1].id) if len(found) > len(page) else None,
    )


def _info(job: ListedJob, counts: Mapping[int, int]) -> ListedJobInfo:
    return ListedJobInfo(
        job_id=job.job_id,
        job_type=job.type,
        job_status=job.status,
        selection_type=job.selection,
        target_selection=job.target_selection,
        firmware_id=job.firmware_id,
        firmware_name=job.package_name,
        dest_version=job.dest_version,
        module_name=job.module,
        product_key=job.product_key,
        product_name=job.product_name,
        paused=job.paused,
        pause_reason=job.pause_reason,
        total=sum(counts.values()),
        states=[StateCount(status=TaskStatus(state).name, count=count) for state, count in sorted(counts.items())],
        utc_create=formats.utc(job.created_at),
        utc_start_time=formats.utc_or_none(job.started_at),
        utc_end_time=formats.utc_or_none(job.ended_at),
        utc_schedule_time=formats.utc_or_none(job.schedule_at),
    )
