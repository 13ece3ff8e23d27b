"""Calls of people who have signed in to the console: the same operations, without a signature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, NoReturn, TypeVar

from aiohttp import web

from skyferry.errors import ApiError
from skyferry.ram.principal import Principal
from skyferry.rpc import access_log, audit, gateway_errors, steps
from skyferry.rpc.context import Environment, RequestContext
from skyferry.rpc.operation import VERSION, Access
from skyferry.rpc.origin import origin_of
from skyferry.rpc.signature import PublicParameters, SignedRequest

ServicesT = TypeVar("ServicesT")

_OK: Final = 200


@dataclass(eq=False)
class CallError(Exception):
    """A call that was refused.

    Attributes:
        error: what the API answers to such a call.
        request_id: the call's identifier, in the log and the audit trail.
    """

    error: ApiError
    request_id: str


class DirectCalls(Generic[ServicesT]):
    """Takes calls through those of the gateway's steps that follow the signature; audits and logs them like any call.

    Reading costs nothing of the account's calls per second, so that people who look do not hinder applications.
    """

    def __init__(self, environment: Environment[ServicesT]) -> None:
        """Args: environment: the gateway's own."""
        self._environment = environment

    def allows(self, request: web.Request, principal: Principal, action: str) -> bool:
        """Whether the person may call the operation at all, so that what they may not do is not offered."""
        context = self._context(request, principal, action, {})
        context.operation = self._environment.operations[action]
        return steps.denial_of(context, steps.access_request(context)) is None

    async def refuse(self, request: web.Request, principal: Principal, action: str) -> NoReturn:
        """Refuses who may not call an operation as the call itself would: audited and logged.

        Raises:
            CallError: always.
        """
        context = self._context(request, principal, action, {})
        error = await steps.run(context, _STEPS[:_AUTHORISED]) or ApiError(gateway_errors.NO_PERMISSION)
        await self._finish(context, error)
        raise CallError(error, context.request_id)

    async def call(
        self, request: web.Request, principal: Principal, action: str, parameters: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Calls an operation.

        Args:
            request: the request that the person's browser sent.
            principal: who they are.
            action: the operation.
            parameters: its parameters as on the wire.

        Returns:
            What the operation answered, as JSON values.

        Raises:
            CallError: the call was refused.
        """
        context = self._context(request, principal, action, parameters)
        error = await steps.run(context, _STEPS)
        await self._finish(context, error)
        if error is not None:
            raise CallError(error, context.request_id)
        return context.response

    async def _finish(self, context: RequestContext[ServicesT], error: ApiError | None) -> None:
        await audit.end(context, error)
        access_log.write(context, error, status=error.kind.status if error else _OK)

    def _context(
        self, request: web.Request, principal: Principal, action: str, parameters: Mapping[str, str]
    ) -> RequestContext[ServicesT]:
        environment = self._environment
        return RequestContext(
            request,
            environment,
            received_ms=environment.clock.now_ms(),
            origin=origin_of(request, environment.trusted_proxies),
            principal=principal,
            public=PublicParameters(
                action=action,
                version=VERSION,
                access_key_id="",
                signature="",
                signature_method="",
                nonce="",
                timestamp="",
                security_token="",
            ),
            signed=SignedRequest(request.method, parameters, parameters, request.headers, b""),
        )


async def _find_operation(context: RequestContext[Any]) -> None:
    assert context.public is not None
    context.operation = context.environment.operations.get(context.public.action)
    if context.operation is None:
        raise ApiError(gateway_errors.ACTION_NOT_FOUND)


async def _throttle(context: RequestContext[Any]) -> None:
    assert context.operation is not None
    if context.operation.access is Access.WRITE:
        await steps.throttle(context)


_STEPS: Final[tuple[steps.Step, ...]] = (
    steps.assign_request_id,
    _find_operation,
    steps.authorise,
    _throttle,
    steps.find_instance,
    steps.parse,
    audit.begin,
    steps.carry_out,
)
_AUTHORISED: Final = _STEPS.index(steps.authorise) + 1
