"""The audit trail through the API: an operation of Skyferry alone."""

from typing import Final

from pydantic import Field

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, ResponseModel, operation
from skyferry.store import audit as statements
from skyferry.store.audit import AuditFilter, AuditLine

_LARGEST_PAGE: Final = 200
_LOOKED_AT: Final = 5_000
_TIMES: Final = range(253_402_300_800_000)
"""Unix times in milliseconds up to the year 9999."""


class QueryAuditRecordsRequest(InstanceRequest):
    """Parameters of QueryAuditRecords."""

    caller: str | None = None
    """Only calls of this user; `root` stands for the account itself, ROLE:SESSION for a role."""
    action: str | None = None
    """Only calls of this operation."""
    outcome: str | None = None
    """Only calls that ended so: OK, BEGUN (not yet, or cut off), or an error's code; FAILED for all that are not OK."""
    start_time: int | None = None
    """Not before this time, in milliseconds since the Unix epoch."""
    end_time: int | None = None
    """Before this time."""
    page_size: int = 50
    """1 to 200."""
    next_token: str | None = None
    """NextToken of the page before."""


class AuditParameter(ResponseModel):
    """A parameter of a call as it is kept: long ones are cut, secrets are left out."""

    name: str
    value: str


class AuditRecordInfo(ResponseModel):
    """One call that changed something, or was to."""

    utc_time: str
    caller: str
    access_key_id: str
    """Empty for calls from the console."""
    source_address: str
    action: str
    parameters: list[AuditParameter]
    request_id: str
    outcome: str
    iot_instance_id: str | None


class AuditRecords(ResponseModel):
    """Wraps the list."""

    audit_record: list[AuditRecordInfo] = Field(alias="AuditRecord")


class QueryAuditRecordsResponse(ResponseModel):
    """Answer of QueryAuditRecords."""

    data: AuditRecords
    next_token: str | None
    """Leads on; absent at the end. A page may hold fewer records than PageSize, or none, and have one."""


@operation("QueryAuditRecords", qps=10, access=Access.READ, vendor=False)
async def query_audit_records(call: Call, request: QueryAuditRecordsRequest) -> QueryAuditRecordsResponse:
    """Pages the calls of the account that changed something or were to, the latest first.

    A page looks at 5000 records at most: one for which a filter finds few may be short.
    """
    formats.offset(1, request.page_size, most=_LARGEST_PAGE)
    since, until = request.start_time, request.end_time
    if any(time is not None and time not in _TIMES for time in (since, until)):
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "StartTime and EndTime are Unix times in milliseconds.")
    if since is not None and until is not None and since >= until:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "EndTime is later than StartTime.")
    failed = request.outcome == "FAILED"
    wanted = AuditFilter(
        account_id=call.instance.account_id,
        caller=request.caller or None,
        action=request.action or None,
        since=since,
        until=until,
        outcome=None if failed else request.outcome or None,
        failed=failed,
    )
    found, token = await call.services.store.read(
        statements.page,
        wanted,
        before=formats.key_of(request.next_token) if request.next_token else None,
        limit=request.page_size,
        looked_at=_LOOKED_AT,
    )
    return QueryAuditRecordsResponse(
        data=AuditRecords(audit_record=[_info(line) for line in found]),
        next_token=None if token is None else formats.next_token(token),
    )


def _info(line: AuditLine) -> AuditRecordInfo:
    return AuditRecordInfo(
        utc_time=formats.utc(line.at),
        caller=line.caller,
        access_key_id=line.access_key_id,
        source_address=line.source_address,
        action=line.action,
        parameters=[AuditParameter(name=name, value=value) for name, value in line.parameters.items()],
        request_id=line.request_id,
        outcome=line.outcome,
        iot_instance_id=line.instance,
    )
