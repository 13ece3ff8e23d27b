"""Temporary access keys, in the form of the service that the vendor has for them (`Sts`, version `2015-04-01`)."""

from skyferry.fleet import roles
from skyferry.fleet.roles import DEFAULT_SESSION, SessionRequest
from skyferry.operations import formats
from skyferry.operations.services import Call
from skyferry.ram.tokens import Session
from skyferry.rpc.operation import VERSION, Access, RequestModel, ResponseModel, operation

_STS_VERSION = "2015-04-01"


class AssumeRoleRequest(RequestModel):
    """Parameters of AssumeRole."""

    role_arn: str
    """The role: `acs:ram::ACCOUNT:role/NAME`, with the account's number."""
    role_session_name: str
    """What the caller calls the session, 2 to 64 of A-Z a-z 0-9 . @ - _: the log and the audit trail show it."""
    duration_seconds: int = DEFAULT_SESSION
    """How long the access key is valid: 900 seconds up to what the role allows."""
    policy: str | None = None
    """A policy of up to 2048 bytes: the key may do what both the role's policies and this one allow."""


class Credentials(ResponseModel):
    """The temporary access key."""

    access_key_id: str
    """It begins with `STS.`"""
    access_key_secret: str
    security_token: str
    """Goes with every request that the key signs."""
    expiration: str
    """When the key ends, in UTC: `2026-11-23T10:16:00Z`."""


class AssumedRoleUser(ResponseModel):
    """Who signs with the key."""

    arn: str
    """The role's ARN, a slash and the session's name."""
    assumed_role_id: str
    """The role's number, a colon and the session's name."""


class AssumeRoleResponse(ResponseModel):
    """Answer of AssumeRole."""

    credentials: Credentials
    assumed_role_user: AssumedRoleUser


@operation(
    "AssumeRole",
    qps=100,
    access=Access.WRITE,
    vendor=False,
    versions=(_STS_VERSION, VERSION),
    action="sts:AssumeRole",
    resource_parameter="RoleArn",
    deviations=(
        "A role has no trust policy: who may assume it is said by the policies of the account's users and roles.",
        "The account itself may assume its roles.",
        "`ExternalId` and `SourceIdentity` are not read.",
    ),
)
async def assume_role(call: Call, request: AssumeRoleRequest) -> AssumeRoleResponse:
    """Gives out a temporary access key that may do what a role may do."""
    services = call.services
    role = await services.store.read(
        roles.role_with_arn, account_id=call.instance.account_id, account_uid=call.account_uid, arn=request.role_arn
    )
    session = roles.new_session(
        role,
        SessionRequest(request.role_session_name, request.duration_seconds, request.policy),
        account_uid=call.account_uid,
        now_ms=services.clock.now_ms(),
    )
    return AssumeRoleResponse(
        credentials=_credentials(session, services.tokens.seal(session)),
        assumed_role_user=AssumedRoleUser(
            arn=f"{request.role_arn}/{session.name}", assumed_role_id=f"{session.role_id}:{session.name}"
        ),
    )


def _credentials(session: Session, token: str) -> Credentials:
    return Credentials(
        access_key_id=session.access_key_id,
        access_key_secret=session.secret,
        security_token=token,
        expiration=formats.utc_seconds(session.expires_ms),
    )
