"""What updates came to and what devices run, in numbers: operations of Skyferry alone.

They read counters that are kept as things happen, so that a large fleet makes them no slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import products
from skyferry.fleet.names import DEFAULT_MODULE
from skyferry.operations import formats
from skyferry.operations.rollouts import VersionCount
from skyferry.operations.services import Call, InstanceRequest
from skyferry.ota import jobs, packages
from skyferry.ota.states import TaskStatus
from skyferry.ota.tallies import HOUR_MS
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import job_lists
from skyferry.store import statistics as statements
from skyferry.store.statistics import EndingFilter

_HOURS: Final = {"HOUR": 1, "DAY": 24}
_LONGEST_DAYS: Final = 31
_MOST_CAUSES: Final = 20
_TOP_VERSIONS: Final = 5
_MOST_TOP_VERSIONS: Final = 50
_MOST_MODULES: Final = 20
_TASKS_LOOKED_AT: Final = 20_000
_MOST_SOURCES: Final = 50


class QueryOTAStatisticsRequest(InstanceRequest):
    """Parameters of QueryOTAStatistics."""

    start_time: int
    """The begin, in milliseconds since the Unix epoch; the whole hour, or the whole day of UTC, is counted."""
    end_time: int
    """The end, at most 31 days after StartTime."""
    interval: str = "HOUR"
    """HOUR or DAY."""
    product_key: str | None = None
    """Only of this product."""
    firmware_id: str | None = None
    """Only of this package."""
    job_id: str | None = None
    """Only of this job."""


class PeriodInfo(ResponseModel):
    """One hour or day."""

    utc_time: str
    """When it begins."""
    succeeded: int
    failed: int


class CauseInfo(ResponseModel):
    """Failures of one cause."""

    cause: str
    """What the tasks say; empty for all causes that are not counted by themselves."""
    count: int


class StatisticsInfo(ResponseModel):
    """`Data` of QueryOTAStatistics."""

    succeeded: int
    failed: int
    periods: list[PeriodInfo]
    """Oldest first; hours and days in which no task ended are left out."""
    causes: list[CauseInfo]
    """The commonest 20 causes of failures."""


class QueryOTAStatisticsResponse(ResponseModel):
    """Answer of QueryOTAStatistics."""

    data: StatisticsInfo


@dataclass(frozen=True, slots=True)
class _Found:
    periods: Sequence[tuple[int, int, int]]
    causes: Sequence[tuple[str, int]]


def _endings(tx: Connection, instance_id: int, request: QueryOTAStatisticsRequest, hours: int) -> _Found:
    step = HOUR_MS * hours
    product = products.find(tx, instance_id, request.product_key) if request.product_key else None
    package = packages.find(tx, instance_id, request.firmware_id) if request.firmware_id else None
    job = jobs.find(tx, instance_id, request.job_id) if request.job_id else None
    wanted = EndingFilter(
        instance_id=instance_id,
        since_hour=request.start_time // step * hours,
        until_hour=-(-request.end_time // step) * hours,
        product_id=None if product is None else product.id,
        package_id=None if package is None else package.id,
        job_id=None if job is None else job.id,
    )
    return _Found(
        statements.endings_by_period(tx, wanted, hours=hours),
        statements.endings_by_cause(tx, wanted, status=TaskStatus.FAILED, limit=_MOST_CAUSES),
    )


@operation("QueryOTAStatistics", qps=10, access=Access.READ, vendor=False)
async def query_ota_statistics(call: Call, request: QueryOTAStatisticsRequest) -> QueryOTAStatisticsResponse:
    """Counts the tasks that succeeded and failed by the hour or day, and why they failed.

    A task that is run again and ends again counts again.
    """
    hours = _HOURS.get(request.interval)
    if hours is None:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "Interval is HOUR or DAY.")
    if not 0 <= request.start_time < request.end_time <= request.start_time + _LONGEST_DAYS * 24 * HOUR_MS:
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER,
            f"StartTime and EndTime are milliseconds since 1970; EndTime is later, by at most {_LONGEST_DAYS} days.",
        )
    found = await call.services.store.read(_endings, call.instance.id, request, hours)
    numbers: dict[int, dict[int, int]] = {}
    for hour, status, number in found.periods:
        numbers.setdefault(hour, {})[status] = number
    periods = [
        PeriodInfo(
            utc_time=formats.utc_seconds(hour * HOUR_MS),
            succeeded=counts.get(TaskStatus.SUCCEEDED, 0),
            failed=counts.get(TaskStatus.FAILED, 0),
        )
        for hour, counts in numbers.items()
    ]
    return QueryOTAStatisticsResponse(
        data=StatisticsInfo(
            succeeded=sum(period.succeeded for period in periods),
            failed=sum(period.failed for period in periods),
            periods=periods,
            causes=[CauseInfo(cause=cause, count=count) for cause, count in found.causes],
        )
    )


class QueryOTAVersionDistributionRequest(InstanceRequest):
    """Parameters of QueryOTAVersionDistribution."""

    product_key: str | None = None
    """The product whose devices are counted. Give it, or JobId, or both."""
    module_name: str = DEFAULT_MODULE
    """The module whose versions are counted."""
    job_id: str | None = None
    """The job whose source versions are told."""
    top_versions: int = _TOP_VERSIONS
    """How many versions of the product's devices are told one by one: 1 to 50."""


class ModuleCount(ResponseModel):
    """A module that devices have reported."""

    module_name: str
    count: int
    """Devices that have reported it."""


class DistributionInfo(ResponseModel):
    """`Data` of QueryOTAVersionDistribution."""

    total: int
    """Devices of the product that have reported a version of the module; 0 without ProductKey."""
    versions: list[VersionCount]
    """The versions that most devices run, as many as TopVersions says."""
    others: int
    """Devices with other versions."""
    modules: list[ModuleCount]
    """The modules that devices of the product have reported, up to 20."""
    source_versions: list[VersionCount]
    """The versions that devices had when the job took them, the commonest 50; of the job's first 20000 tasks."""
    source_total: int
    """How many tasks of the job were looked at; 0 without JobId."""


class QueryOTAVersionDistributionResponse(ResponseModel):
    """Answer of QueryOTAVersionDistribution."""

    data: DistributionInfo


def _versions(tx: Connection, instance_id: int, request: QueryOTAVersionDistributionRequest) -> DistributionInfo:
    modules: Sequence[tuple[str, int]] = ()
    versions: Sequence[tuple[str, int]] = ()
    total = 0
    if request.product_key:
        product = products.find(tx, instance_id, request.product_key)
        modules = statements.reported_modules(tx, product.id, _MOST_MODULES)
        versions = statements.versions_by_devices(tx, product.id, request.module_name, request.top_versions)
        total = statements.count_reported(tx, product.id, request.module_name)
    sources: Sequence[tuple[str, int]] = ()
    looked_at = 0
    if request.job_id:
        job = jobs.find(tx, instance_id, request.job_id)
        sources, looked_at = job_lists.source_versions(tx, job.id, first=_TASKS_LOOKED_AT, limit=_MOST_SOURCES)
    return DistributionInfo(
        total=total,
        versions=_counts(versions),
        others=total - sum(count for _, count in versions),
        modules=[ModuleCount(module_name=module, count=count) for module, count in modules],
        source_versions=_counts(sources),
        source_total=looked_at,
    )


def _counts(found: Sequence[tuple[str, int]]) -> list[VersionCount]:
    return [VersionCount(version=version, count=count) for version, count in found]


@operation("QueryOTAVersionDistribution", qps=10, access=Access.READ, vendor=False)
async def query_ota_version_distribution(
    call: Call, request: QueryOTAVersionDistributionRequest
) -> QueryOTAVersionDistributionResponse:
    """Counts devices by the version that they last reported, and the tasks of a job by the version they began with.

    Devices that never reported a version are not counted.
    """
    if not request.product_key and not request.job_id:
        raise ApiError(codes.NULL_PRODUCT_KEY, "Give ProductKey, or JobId, or both.")
    if not 1 <= request.top_versions <= _MOST_TOP_VERSIONS:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"TopVersions is 1 to {_MOST_TOP_VERSIONS}.")
    return QueryOTAVersionDistributionResponse(
        data=await call.services.store.read(_versions, call.instance.id, request)
    )
