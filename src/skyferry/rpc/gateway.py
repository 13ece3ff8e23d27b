"""The RPC endpoint: takes requests through the steps, renders the outcome and logs it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

from aiohttp import web

from skyferry import tracing
from skyferry.clock import Clock
from skyferry.errors import ApiError
from skyferry.ram.audit import AuditTrail
from skyferry.rpc import access_log, audit, gateway_errors, rendering, steps
from skyferry.rpc.context import Environment, Limits, RequestContext
from skyferry.rpc.direct import DirectCalls
from skyferry.rpc.nonces import NonceCache, Nonces
from skyferry.rpc.operation import Operation
from skyferry.rpc.origin import Network, origin_of
from skyferry.rpc.principals import Directory
from skyferry.rpc.quota import LocalQuota, Quota
from skyferry.rpc.shapes import structure_of
from skyferry.tracing import Kind, Span

_ENDS_CONNECTION: Final = frozenset({gateway_errors.REQUEST_TOO_LARGE, gateway_errors.REQUEST_TIMEOUT})

_SERVERS_FAULT: Final = 500
ServicesT = TypeVar("ServicesT")


class Gateway(Generic[ServicesT]):
    """Serves operations in the RPC dialect."""

    def __init__(
        self,
        operations: Mapping[str, Operation[ServicesT]],
        services: ServicesT,
        directory: Directory,
        clock: Clock,
        audit_trail: AuditTrail,
        *,
        limits: Limits | None = None,
        quotas: Mapping[str, int] | None = None,
        quota: Quota | None = None,
        nonces: Nonces | None = None,
        trusted_proxies: Sequence[Network] = (),
    ) -> None:
        """Prepares the endpoint; `routes` puts it into an application.

        Args:
            operations: what can be called, by name (`skyferry.rpc.operation.index`).
            services: what operations work with; they find it in their `Call`.
            directory: who may sign; its answers are usually `Remembered`.
            clock: the time, for timestamps, nonces and quotas.
            audit_trail: where calls are written down that change something.
            limits: what a request may have.
            quotas: calls per second and account by operation name, in place of what the operations declare.
            quota: counts calls; in memory when it is None.
            nonces: remembers nonces; in memory when it is None.
            trusted_proxies: networks of the proxies whose `X-Forwarded-…` headers count.

        Raises:
            TypeError: an operation's request model has a field that parameters cannot describe.
        """
        for item in operations.values():
            structure_of(item.request)
        self._environment = Environment(
            operations=operations,
            services=services,
            directory=directory,
            clock=clock,
            limits=limits or Limits(),
            versions=frozenset().union(*(item.versions for item in operations.values())),
            nonces=nonces or NonceCache(),
            quota=quota or LocalQuota(),
            quotas=quotas or {},
            trusted_proxies=trusted_proxies,
            audit=audit_trail,
        )

    def routes(self) -> list[web.RouteDef]:
        """The endpoint's route: `/`, or any run of slashes, as some clients send it (§1.1); all methods."""
        return [web.route("*", "/{slashes:/*}", self.handle)]

    def direct(self) -> DirectCalls[ServicesT]:
        """The same operations for people who have signed in."""
        return DirectCalls(self._environment)

    async def handle(self, request: web.Request) -> web.Response:
        """Answers one request, whatever happens in it."""
        with tracing.span("call", Kind.SERVER, parent=request.headers) as span:
            return await self._handle(request, span)

    async def _handle(self, request: web.Request, span: Span) -> web.Response:
        environment = self._environment
        context = RequestContext(
            request,
            environment,
            received_ms=environment.clock.now_ms(),
            origin=origin_of(request, environment.trusted_proxies),
        )
        error = await steps.run(context, steps.STEPS)
        try:
            response = rendering.render(context, error)
        except (TypeError, ValueError) as failure:  # the operation answered something that JSON or XML cannot say
            access_log.write_failure(context, failure)
            error = ApiError(gateway_errors.INTERNAL_ERROR)
            response = rendering.render(context, error)
        if error is not None and error.kind in _ENDS_CONNECTION:
            response.force_close()
        await audit.end(context, error)
        _tell(span, context, error)
        access_log.write(context, error, status=response.status)
        return response


def _tell(span: Span, context: RequestContext[Any], error: ApiError | None) -> None:
    span.note(request_id=context.request_id)
    if context.operation is not None:
        span.rename(context.operation.name)
    if error is not None:
        span.note(code=error.kind.code)
        if error.kind.status >= _SERVERS_FAULT:
            span.fail(error.kind.code)
