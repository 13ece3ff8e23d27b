"""Policies and who has them, in the form of the service that the vendor has for them (`Ram`)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import ram_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import access
from skyferry.fleet.policies import BUILT_IN_POLICIES
from skyferry.operations import formats
from skyferry.operations.ram_users import RAM_VERSIONS, UserRequest
from skyferry.operations.services import Call
from skyferry.rpc.operation import Access, Empty, RequestModel, ResponseModel, operation
from skyferry.store import policies as statements
from skyferry.store.policies import PolicyRecord

_LARGEST_PAGE: Final = 1_000
_ONLY_VERSION: Final = "v1"


class ListPoliciesRequest(RequestModel):
    """Parameters of ListPolicies."""

    policy_type: str | None = None
    """Only System (pre-made) or Custom policies."""
    marker: str | None = None
    """The Marker of the page before."""
    max_items: int = 100
    """1 to 1000, of Custom policies; the System ones stand on the first page besides."""


class PolicyInfo(ResponseModel):
    """A policy in a list."""

    policy_name: str
    policy_type: str
    default_version: str = _ONLY_VERSION
    """Always `v1`."""
    create_date: str | None
    """Absent for System policies."""
    attachment_count: int
    """Users and roles that have it."""


class Policies(ResponseModel):
    """Wraps the list."""

    policy: list[PolicyInfo]


class ListPoliciesResponse(ResponseModel):
    """Answer of ListPolicies."""

    policies: Policies
    is_truncated: bool
    marker: str | None
    """Leads to the next page when IsTruncated."""


def _listed(
    tx: Connection, account_id: int, request: ListPoliciesRequest
) -> tuple[Sequence[PolicyRecord], Mapping[str, int]]:
    page: Sequence[PolicyRecord] = ()
    if request.policy_type != access.SYSTEM:
        page = statements.page_of_policies(
            tx,
            account_id,
            after=request.marker or "",
            without=BUILT_IN_POLICIES,
            limit=request.max_items + 1,
        )
    names = [*BUILT_IN_POLICIES, *(policy.name for policy in page)]
    return page, statements.attachment_counts(tx, account_id, names)


@operation("ListPolicies", qps=50, access=Access.READ, vendor=False, versions=RAM_VERSIONS, action="ram:ListPolicies")
async def list_policies(call: Call, request: ListPoliciesRequest) -> ListPoliciesResponse:
    """Pages the pre-made policies and the account's own, by name."""
    if request.policy_type:
        access.check_type(request.policy_type)
    if not 1 <= request.max_items <= _LARGEST_PAGE:
        raise ApiError(codes.INVALID_MAX_ITEMS)
    found, counts = await call.services.store.read(_listed, call.instance.account_id, request)
    page = found[: request.max_items]
    more = len(found) > len(page)
    system = BUILT_IN_POLICIES if request.policy_type != access.CUSTOM and not request.marker else ()
    infos = [_info(name, None, counts) for name in system]
    infos += [_info(policy.name, policy.created_at, counts) for policy in page]
    return ListPoliciesResponse(
        policies=Policies(policy=infos), is_truncated=more, marker=page[-1].name if more else None
    )


def _info(name: str, created_at: int | None, counts: Mapping[str, int]) -> PolicyInfo:
    return PolicyInfo(
        policy_name=name,
        policy_type=access.type_of(name),
        create_date=None if created_at is None else formats.utc_seconds(created_at),
        attachment_count=counts.get(name, 0),
    )


class GetPolicyRequest(RequestModel):
    """Parameters of GetPolicy."""

    policy_name: str
    """The policy."""
    policy_type: str
    """System or Custom."""


class PolicyVersion(ResponseModel):
    """The document of a policy."""

    version_id: str = _ONLY_VERSION
    is_default_version: bool = True
    policy_document: str
    """JSON."""


class GetPolicyResponse(ResponseModel):
    """Answer of GetPolicy."""

    policy: PolicyInfo
    default_policy_version: PolicyVersion


def _policy(tx: Connection, account_id: int, name: str, policy_type: str) -> tuple[Any, PolicyInfo]:
    document, record = access.document_of(tx, account_id, name, policy_type)
    created_at = None if record is None or policy_type == access.SYSTEM else record.created_at
    return document, _info(name, created_at, statements.attachment_counts(tx, account_id, [name]))


@operation("GetPolicy", qps=50, access=Access.READ, vendor=False, versions=RAM_VERSIONS, action="ram:GetPolicy")
async def get_policy(call: Call, request: GetPolicyRequest) -> GetPolicyResponse:
    """Tells what a policy says."""
    document, info = await call.services.store.read(
        _policy, call.instance.account_id, request.policy_name, request.policy_type
    )
    return GetPolicyResponse(
        policy=info, default_policy_version=PolicyVersion(policy_document=json.dumps(document, indent=2))
    )


class CreatePolicyRequest(RequestModel):
    """Parameters of CreatePolicy."""

    policy_name: str
    """1 to 128 of A-Z a-z 0-9 -"""
    policy_document: str
    """JSON of up to 6144 characters."""


class CreatePolicyResponse(ResponseModel):
    """Answer of CreatePolicy."""

    policy: PolicyInfo


@operation(
    "CreatePolicy",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:CreatePolicy",
    deviations=("A policy has one version; `Description` is not kept.",),
)
async def create_policy(call: Call, request: CreatePolicyRequest) -> CreatePolicyResponse:
    """Makes a policy; a document that could not take effect as it is written is refused."""
    made = await call.services.store.write(
        access.create_policy,
        call.instance.account_id,
        request.policy_name,
        request.policy_document,
        now=call.services.clock.now_ms(),
    )
    return CreatePolicyResponse(policy=_info(made.name, made.created_at, {}))


class PolicyRequest(RequestModel):
    """Names a policy of the account's own."""

    policy_name: str
    """The policy."""


@operation("DeletePolicy", qps=20, access=Access.WRITE, vendor=False, versions=RAM_VERSIONS, action="ram:DeletePolicy")
async def delete_policy(call: Call, request: PolicyRequest) -> Empty:
    """Removes a policy that no user and no role has."""
    await call.services.store.write(access.delete_policy, call.instance.account_id, request.policy_name)
    return Empty()


class AttachmentRequest(GetPolicyRequest):
    """Names a policy and a user."""

    user_name: str
    """The user."""


@operation(
    "AttachPolicyToUser",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:AttachPolicyToUser",
)
async def attach_policy_to_user(call: Call, request: AttachmentRequest) -> Empty:
    """Lets a user do what a policy says."""
    await call.services.store.write(
        access.attach_policy,
        call.instance.account_id,
        request.policy_name,
        request.policy_type,
        request.user_name,
        now=call.services.clock.now_ms(),
    )
    return Empty()


@operation(
    "DetachPolicyFromUser",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:DetachPolicyFromUser",
)
async def detach_policy_from_user(call: Call, request: AttachmentRequest) -> Empty:
    """Takes a policy from a user."""
    await call.services.store.write(
        access.detach_policy,
        call.instance.account_id,
        request.policy_name,
        request.policy_type,
        request.user_name,
    )
    return Empty()


class AttachedPolicy(ResponseModel):
    """A policy that a user has."""

    policy_name: str
    policy_type: str
    default_version: str = _ONLY_VERSION


class AttachedPolicies(ResponseModel):
    """Wraps the list."""

    policy: list[AttachedPolicy]


class ListPoliciesForUserResponse(ResponseModel):
    """Answer of ListPoliciesForUser."""

    policies: AttachedPolicies


def _attached(tx: Connection, account_id: int, user_name: str) -> Sequence[PolicyRecord]:
    return statements.policies_of_user(tx, access.user(tx, account_id, user_name).id)


@operation(
    "ListPoliciesForUser",
    qps=50,
    access=Access.READ,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:ListPoliciesForUser",
)
async def list_policies_for_user(call: Call, request: UserRequest) -> ListPoliciesForUserResponse:
    """Lists the policies that a user has."""
    found = await call.services.store.read(_attached, call.instance.account_id, request.user_name)
    infos = [AttachedPolicy(policy_name=policy.name, policy_type=access.type_of(policy.name)) for policy in found]
    return ListPoliciesForUserResponse(policies=AttachedPolicies(policy=infos))
