"""Users with their access keys and passwords, in the form of the service that the vendor has for them (`Ram`)."""

import asyncio
from typing import Annotated, Final

from pydantic import Field

from skyferry import ram_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import access
from skyferry.operations import formats
from skyferry.operations.services import Call
from skyferry.rpc.operation import VERSION, Access, Empty, RequestModel, ResponseModel, Shortened, operation
from skyferry.store import accounts as statements
from skyferry.store.accounts import UserRecord

RAM_VERSIONS: Final = ("2015-05-01", VERSION)
_LARGEST_PAGE: Final = 1_000
_STATES: Final = {"Active": True, "Inactive": False}


def _kept_secret(_value: str) -> str:
    """What the audit trail keeps of a password."""
    return "(kept secret)"


class ListUsersRequest(RequestModel):
    """Parameters of ListUsers."""

    marker: str | None = None
    """The Marker of the page before."""
    max_items: int = 100
    """1 to 1000."""


class UserInfo(ResponseModel):
    """A user."""

    user_id: str
    user_name: str
    create_date: str


class Users(ResponseModel):
    """Wraps the list."""

    user: list[UserInfo]


class ListUsersResponse(ResponseModel):
    """Answer of ListUsers."""

    users: Users
    is_truncated: bool
    marker: str | None
    """Leads to the next page when IsTruncated."""


def _user(user: UserRecord) -> UserInfo:
    return UserInfo(user_id=str(user.id), user_name=user.name, create_date=formats.utc_seconds(user.created_at))


@operation("ListUsers", qps=50, access=Access.READ, vendor=False, versions=RAM_VERSIONS, action="ram:ListUsers")
async def list_users(call: Call, request: ListUsersRequest) -> ListUsersResponse:
    """Pages the account's users by name."""
    if not 1 <= request.max_items <= _LARGEST_PAGE:
        raise ApiError(codes.INVALID_MAX_ITEMS)
    found = await call.services.store.read(
        statements.page_of_users, call.instance.account_id, after=request.marker or "", limit=request.max_items + 1
    )
    page = found[: request.max_items]
    more = len(found) > len(page)
    return ListUsersResponse(
        users=Users(user=[_user(user) for user in page]), is_truncated=more, marker=page[-1].name if more else None
    )


class UserRequest(RequestModel):
    """Names a user."""

    user_name: str
    """The user's name, 1 to 64 of A-Z a-z 0-9 . _ -"""


class CreateUserResponse(ResponseModel):
    """Answer of CreateUser."""

    user: UserInfo


@operation(
    "CreateUser",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:CreateUser",
    deviations=("`DisplayName`, `MobilePhone`, `Email` and `Comments` are not kept.",),
)
async def create_user(call: Call, request: UserRequest) -> CreateUserResponse:
    """Makes a user, who may do nothing until a policy is attached."""
    services = call.services
    made = await services.store.write(
        access.create_user, call.instance.account_id, request.user_name, now=services.clock.now_ms()
    )
    return CreateUserResponse(user=_user(made))


@operation("DeleteUser", qps=20, access=Access.WRITE, vendor=False, versions=RAM_VERSIONS, action="ram:DeleteUser")
async def delete_user(call: Call, request: UserRequest) -> Empty:
    """Removes a user without access keys, policies and password."""
    await call.services.store.write(access.delete_user, call.instance.account_id, request.user_name)
    return Empty()


class OwnerRequest(RequestModel):
    """Names whose access keys are meant."""

    user_name: str | None = None
    """The user; the account itself when absent."""


class KeyInfo(ResponseModel):
    """An access key without its secret."""

    access_key_id: str
    status: str
    """Active or Inactive."""
    create_date: str


class Keys(ResponseModel):
    """Wraps the list."""

    access_key: list[KeyInfo]


class ListAccessKeysResponse(ResponseModel):
    """Answer of ListAccessKeys."""

    access_keys: Keys


_OF_THE_ACCOUNT: Final = "Without UserName it is about the keys of the account itself, whoever calls."


@operation(
    "ListAccessKeys",
    qps=50,
    access=Access.READ,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:ListAccessKeys",
    deviations=(_OF_THE_ACCOUNT,),
)
async def list_access_keys(call: Call, request: OwnerRequest) -> ListAccessKeysResponse:
    """Lists the access keys of a user or of the account itself."""
    found = await call.services.store.read(access.keys, call.instance.account_id, request.user_name or None)
    keys = [
        KeyInfo(
            access_key_id=key.access_key_id,
            status="Active" if key.active else "Inactive",
            create_date=formats.utc_seconds(key.created_at),
        )
        for key in found
    ]
    return ListAccessKeysResponse(access_keys=Keys(access_key=keys))


class NewKeyInfo(KeyInfo):
    """An access key with its secret."""

    access_key_secret: str
    """It is told once and never again."""


class CreateAccessKeyResponse(ResponseModel):
    """Answer of CreateAccessKey."""

    access_key: NewKeyInfo


@operation(
    "CreateAccessKey",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:CreateAccessKey",
    deviations=(_OF_THE_ACCOUNT, "A user may have any number of keys."),
)
async def create_access_key(call: Call, request: OwnerRequest) -> CreateAccessKeyResponse:
    """Makes an access key for a user or for the account itself, and tells its secret this once."""
    services, now = call.services, call.services.clock.now_ms()
    made = await services.store.write(
        access.create_key, call.instance.account_id, request.user_name or None, box=services.box, now=now
    )
    return CreateAccessKeyResponse(
        access_key=NewKeyInfo(
            access_key_id=made.access_key_id,
            access_key_secret=made.secret,
            status="Active",
            create_date=formats.utc_seconds(now),
        )
    )


class KeyRequest(OwnerRequest):
    """Names an access key."""

    user_access_key_id: str
    """The AccessKeyId."""


class UpdateAccessKeyRequest(KeyRequest):
    """Parameters of UpdateAccessKey."""

    status: str
    """Active or Inactive."""


@operation(
    "UpdateAccessKey",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:UpdateAccessKey",
    deviations=(_OF_THE_ACCOUNT,),
)
async def update_access_key(call: Call, request: UpdateAccessKeyRequest) -> Empty:
    """Activates or deactivates an access key."""
    active = _STATES.get(request.status)
    if active is None:
        raise ApiError(codes.INVALID_KEY_STATUS)
    await call.services.store.write(
        access.set_key_active,
        call.instance.account_id,
        request.user_name or None,
        request.user_access_key_id,
        active=active,
    )
    return Empty()


@operation(
    "DeleteAccessKey",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:DeleteAccessKey",
    deviations=(_OF_THE_ACCOUNT,),
)
async def delete_access_key(call: Call, request: KeyRequest) -> Empty:
    """Removes an access key."""
    await call.services.store.write(
        access.delete_key, call.instance.account_id, request.user_name or None, request.user_access_key_id
    )
    return Empty()


class CreateLoginProfileRequest(UserRequest):
    """Parameters of CreateLoginProfile."""

    password: Annotated[str, Shortened(_kept_secret)]
    """10 to 200 characters."""


class LoginProfile(ResponseModel):
    """That a user may sign in to the console."""

    user_name: str
    password_reset_required: bool = False
    """Always false."""
    mfa_bind_required: bool = Field(default=False, alias="MFABindRequired")
    """Always false."""
    create_date: str


class LoginProfileResponse(ResponseModel):
    """Answer of CreateLoginProfile and GetLoginProfile."""

    login_profile: LoginProfile


@operation(
    "CreateLoginProfile",
    qps=5,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:CreateLoginProfile",
    deviations=("`PasswordResetRequired` and `MFABindRequired` are not read.",),
)
async def create_login_profile(call: Call, request: CreateLoginProfileRequest) -> LoginProfileResponse:
    """Gives a user a password for the console."""
    services, now = call.services, call.services.clock.now_ms()
    await services.store.read(access.user, call.instance.account_id, request.user_name)
    digest = await asyncio.to_thread(access.password_digest, request.password)
    await services.store.write(
        access.create_login_profile, call.instance.account_id, request.user_name, digest, now=now
    )
    return _profile(request.user_name, now)


@operation(
    "GetLoginProfile", qps=50, access=Access.READ, vendor=False, versions=RAM_VERSIONS, action="ram:GetLoginProfile"
)
async def get_login_profile(call: Call, request: UserRequest) -> LoginProfileResponse:
    """Tells that a user may sign in to the console, and since when."""
    found = await call.services.store.read(access.login_profile, call.instance.account_id, request.user_name)
    return _profile(request.user_name, found.changed_at)


@operation(
    "DeleteLoginProfile",
    qps=20,
    access=Access.WRITE,
    vendor=False,
    versions=RAM_VERSIONS,
    action="ram:DeleteLoginProfile",
)
async def delete_login_profile(call: Call, request: UserRequest) -> Empty:
    """Takes a user's password for the console away, and signs them out everywhere."""
    await call.services.store.write(access.delete_login_profile, call.instance.account_id, request.user_name)
    return Empty()


def _profile(user_name: str, since: int) -> LoginProfileResponse:
    return LoginProfileResponse(login_profile=LoginProfile(user_name=user_name, create_date=formats.utc_seconds(since)))
