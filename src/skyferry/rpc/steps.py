"""What happens to a request, in order: `STEPS`. Each step does one thing to the context or raises an `ApiError`.

The order is that of gateway reference §2.2. The nonce comes after the signature, so that outsiders cannot use up the
nonces of others. Rendering (`rendering.py`) and the access log (`access_log.py`) follow the steps, whatever happens.
"""

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any, Final, ParamSpec, TypeVar

from skyferry import http_bodies
from skyferry.errors import ApiError, UnavailableError
from skyferry.ram.conditions import facts_of
from skyferry.ram.errors import TokenError
from skyferry.ram.policies import AccessRequest, Decision, resource_of
from skyferry.ram.principal import Denial, PolicyType
from skyferry.ram.tokens import TEMPORARY_KEYS
from skyferry.rpc import access_log, advice, audit, gateway_errors
from skyferry.rpc.context import RequestContext
from skyferry.rpc.encoding import read_form
from skyferry.rpc.parameters import pick, read_request
from skyferry.rpc.signature import SignedRequest
from skyferry.rpc.signature_v3 import SignatureV3, is_v3

Context = RequestContext[Any]
Step = Callable[[Context], Awaitable[None]]
ParametersT = ParamSpec("ParametersT")
ResultT = TypeVar("ResultT")

_METHODS: Final = frozenset({"GET", "POST"})
_TIMESTAMP: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
_FORM: Final = "application/x-www-form-urlencoded"
_FULL_NONCES_RETRY_MS: Final = 60_000
_LARGE_BYTES: Final = 65_536


async def assign_request_id(context: Context) -> None:
    """Gives the request its identifier: an upper-case UUID."""
    context.request_id = str(uuid.uuid4()).upper()


async def detect_scheme(context: Context) -> None:
    """Tells signatures in headers (V3) from signatures in parameters (V1)."""
    if is_v3(context.http.headers):
        context.scheme = SignatureV3()


async def check_method(context: Context) -> None:
    """Lets GET and POST through."""
    if context.http.method not in _METHODS:
        raise ApiError(gateway_errors.UNSUPPORTED_HTTP_METHOD)


async def read_body(context: Context) -> None:
    """Reads the body, chunked or not, up to the limits of size and time."""
    limits, http = context.environment.limits, context.http
    too_large = ApiError(
        gateway_errors.REQUEST_TOO_LARGE, f"The request body is larger than {limits.body_bytes} bytes."
    )
    if (http.content_length or 0) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in http.content.iter_any():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise too_large
    except TimeoutError:
        raise ApiError(gateway_errors.REQUEST_TIMEOUT) from None
    except http_bodies.BROKEN:
        raise ApiError(gateway_errors.MALFORMED_REQUEST, "The request body is malformed.") from None
    context.body = bytes(body)


async def merge_parameters(context: Context) -> None:
    """Decodes query and form body; the body wins where both have a name (§1.3)."""
    most = context.environment.limits.parameters
    query = read_form(context.raw_query, most=most)
    parameters = query
    if context.body and context.http.content_type == _FORM:
        try:
            text = context.body.decode()
        except UnicodeDecodeError:
            raise ApiError(gateway_errors.MALFORMED_REQUEST, "The form body is not UTF-8 text.") from None
        parameters = query | await _worked(context, read_form, text, most=most)
    if len(parameters) > most:
        raise ApiError(gateway_errors.TOO_MANY_PARAMETERS, f"The request has more than {most} parameters.")
    context.signed = SignedRequest(context.http.method, query, parameters, context.http.headers, context.body)


async def read_public_parameters(context: Context) -> None:
    """Takes action, access key, signature and so on from where the scheme has them; all must be there."""
    assert context.signed is not None
    context.public = context.scheme.public_parameters(context.signed)
    try:
        "".join(astuple(context.public)).encode()
    except UnicodeEncodeError:
        raise ApiError(gateway_errors.MALFORMED_REQUEST, "The headers are not UTF-8 text.") from None


async def read_security_token(context: Context) -> None:
    """Opens the token that goes with a temporary access key; it must be the key's own and still be valid (§4.6)."""
    assert context.public is not None
    access_key_id, token = context.public.access_key_id, context.public.security_token
    if not token:
        if access_key_id.startswith(TEMPORARY_KEYS):
            raise gateway_errors.missing("SecurityToken")
        return
    try:
        session = context.environment.directory.tokens.open(token)
    except TokenError:
        raise ApiError(gateway_errors.SECURITY_TOKEN_MALFORMED) from None
    if session.access_key_id != access_key_id:
        raise ApiError(gateway_errors.SECURITY_TOKEN_MISMATCH)
    if session.expires_ms <= context.received_ms:
        raise ApiError(gateway_errors.SECURITY_TOKEN_EXPIRED)
    context.session = session


async def find_access_key(context: Context) -> None:
    """Finds out who the access key belongs to. A token whose role was deleted has expired with it."""
    assert context.public is not None
    directory, session = context.environment.directory, context.session
    if session is not None:
        role = await directory.role(session.role_id)
        if role is None:
            raise ApiError(gateway_errors.SECURITY_TOKEN_EXPIRED)
        context.principal = role.during(session)
        return
    context.principal = await directory.key_owner(context.public.access_key_id)
    if context.principal is None:
        raise ApiError(gateway_errors.ACCESS_KEY_NOT_FOUND)
    if not context.principal.active:
        raise ApiError(gateway_errors.ACCESS_KEY_INACTIVE)


async def check_signature_method(context: Context) -> None:
    """Knows the algorithm."""
    assert context.public is not None
    if context.public.signature_method not in context.scheme.methods:
        raise ApiError(gateway_errors.INVALID_SIGNATURE_METHOD)


async def read_timestamp(context: Context) -> None:
    """Reads `YYYY-MM-DDThh:mm:ssZ`."""
    assert context.public is not None
    signed_at = _moment(context.public.timestamp)
    if signed_at is None:
        raise advice.refusal(gateway_errors.TIMESTAMP_FORMAT, advice.TIMESTAMP_FORMAT)
    context.timestamp_ms = int(signed_at.timestamp()) * 1_000


def _moment(text: str) -> datetime | None:
    if not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


async def check_window(context: Context) -> None:
    """The timestamp is near the server's clock: old requests must not come again (§1.7)."""
    now_ms, window_ms = context.received_ms, context.environment.limits.window_ms
    if abs(now_ms - context.timestamp_ms) > window_ms:
        raise advice.refusal(gateway_errors.TIMESTAMP_EXPIRED, advice.on_timestamp(now_ms, window_ms))


async def verify_signature(context: Context) -> None:
    """The signature is the one that the key's secret makes."""
    assert context.signed is not None
    assert context.public is not None
    assert context.principal is not None
    await _worked(context, context.scheme.verify, context.signed, context.public, context.principal.secret)


async def use_nonce(context: Context) -> None:
    """No request is accepted twice."""
    assert context.public is not None
    environment, public = context.environment, context.public
    expires_ms = context.timestamp_ms + environment.limits.window_ms
    use = await environment.nonces.use(
        public.access_key_id, public.nonce, now_ms=context.received_ms, expires_ms=expires_ms
    )
    if use == "used":
        raise ApiError(gateway_errors.SIGNATURE_NONCE_USED)
    if use == "full":
        raise ApiError(gateway_errors.THROTTLING, retry_after_ms=_FULL_NONCES_RETRY_MS)


async def check_version(context: Context) -> None:
    """The version is one that is served."""
    assert context.public is not None
    environment = context.environment
    if context.public.version not in environment.versions:
        operation = environment.operations.get(context.public.action)
        told = advice.on_version(environment.versions if operation is None else operation.versions)
        raise advice.refusal(gateway_errors.INVALID_VERSION, told)


async def find_operation(context: Context) -> None:
    """Finds the operation that has this name in this version and answers to the HTTP method."""
    public, operations = context.public, context.environment.operations
    assert public is not None
    operation = operations.get(public.action)
    if operation is None or public.version not in operation.versions or context.http.method not in operation.methods:
        told = advice.on_action(operations, public.action, public.version)
        raise advice.refusal(gateway_errors.ACTION_NOT_FOUND, told)
    context.operation = operation


async def authorise(context: Context) -> None:
    """The caller's policies allow the operation; the account itself may do everything (§4.3)."""
    principal, operation = context.principal, context.operation
    assert principal is not None
    assert operation is not None
    wanted = access_request(context)
    denial = denial_of(context, wanted)
    if denial is not None:
        detail = {
            "PolicyType": denial.policy_type.value,
            "NoPermissionType": denial.decision.value,
            "AuthAction": wanted.action,
            "AuthPrincipalType": principal.kind.value,
            "AuthPrincipalOwnerId": principal.account_uid,
            "AuthPrincipalDisplayName": principal.name,
        }
        told = advice.on_denial(principal, denial, wanted.action, operator=operation.operator)
        raise advice.refusal(gateway_errors.NO_PERMISSION, told, data={"AccessDeniedDetail": detail})


def denial_of(context: Context, wanted: AccessRequest) -> Denial | None:
    """Why the caller may not do it; None when they may.

    What is about the server as a whole is denied to all accounts but the one that operates it, as if no policy of
    theirs allowed it.
    """
    assert context.operation is not None
    assert context.principal is not None
    if context.operation.operator and not context.principal.operator:
        return Denial(PolicyType.IDENTITY, Decision.IMPLICIT_DENY)
    return context.principal.denial(wanted)


def access_request(context: Context) -> AccessRequest:
    """What the caller wants to do, in the words of policies."""
    operation, principal, signed = context.operation, context.principal, context.signed
    assert operation is not None
    assert principal is not None
    assert signed is not None
    origin = context.origin
    resource = resource_of(principal.account_uid)
    if operation.resource_parameter is not None:
        resource = pick(signed.parameters, operation.resource_parameter) or ""
    return AccessRequest(
        operation.action,
        resource,
        facts_of(source_address=origin.address, secure=origin.secure, now_ms=context.received_ms),
    )


async def throttle(context: Context) -> None:
    """The account has a call of this operation left in this second."""
    assert context.operation is not None
    assert context.principal is not None
    environment, operation = context.environment, context.operation
    limit = environment.quotas.get(operation.name, operation.qps)
    wait_ms = await environment.quota.take(
        context.principal.account_id, operation.name, limit, now_ms=context.received_ms
    )
    if wait_ms is not None:
        told = advice.on_quota(operation.name, limit)
        raise advice.refusal(gateway_errors.THROTTLING_USER, told, retry_after_ms=wait_ms)


async def find_instance(context: Context) -> None:
    """Finds the instance that `IotInstanceId` names; the account's default when it names none (§6)."""
    assert context.signed is not None
    assert context.principal is not None
    name = pick(context.signed.parameters, "IotInstanceId")
    if name:
        context.instance = context.principal.instances.get(name)
    else:
        context.instance = context.principal.default_instance
    if context.instance is None:
        raise advice.refusal(gateway_errors.INSTANCE_NOT_FOUND, advice.on_instance(context.principal.instances))


async def parse(context: Context) -> None:
    """Reads the operation's own parameters."""
    assert context.signed is not None
    assert context.operation is not None
    context.request = await _worked(context, read_request, context.operation.request, context.signed.parameters)


async def carry_out(context: Context) -> None:
    """Lets the operation do its work."""
    assert context.operation is not None
    assert context.request is not None
    response = await context.operation.handler(context.call(), context.request)
    context.response = response.model_dump(mode="json", by_alias=True, exclude_none=True)


async def _worked(
    context: Context, function: Callable[ParametersT, ResultT], *args: ParametersT.args, **kwargs: ParametersT.kwargs
) -> ResultT:
    """Does work that grows with the request: in a thread when there is so much that all others would wait for it."""
    if len(context.body) <= _LARGE_BYTES:
        return function(*args, **kwargs)
    return await asyncio.to_thread(function, *args, **kwargs)


STEPS: Final[tuple[Step, ...]] = (
    assign_request_id,
    detect_scheme,
    check_method,
    read_body,
    merge_parameters,
    read_public_parameters,
    read_security_token,
    find_access_key,
    check_signature_method,
    read_timestamp,
    check_window,
    verify_signature,
    use_nonce,
    check_version,
    find_operation,
    authorise,
    throttle,
    find_instance,
    parse,
    audit.begin,
    carry_out,
)


async def run(context: Context, steps: Sequence[Step]) -> ApiError | None:
    """Takes the request through the steps and returns what stopped it."""
    try:
        for step in steps:
            await step(context)
    except ApiError as error:
        return error
    except UnavailableError as failure:
        access_log.write_failure(context, failure)
        return ApiError(gateway_errors.SERVICE_UNAVAILABLE)
    except Exception as failure:  # noqa: BLE001 - the caller gets an InternalError, the log gets the traceback
        access_log.write_failure(context, failure)
        return ApiError(gateway_errors.INTERNAL_ERROR)
    return None
