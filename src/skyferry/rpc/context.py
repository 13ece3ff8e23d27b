"""The context that a request carries through the steps."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from aiohttp import web

from skyferry.clock import Clock
from skyferry.ram.audit import AuditTrail
from skyferry.ram.principal import Instance, Principal
from skyferry.ram.tokens import Session
from skyferry.rpc.call import Call
from skyferry.rpc.nonces import Nonces
from skyferry.rpc.operation import Operation, RequestModel
from skyferry.rpc.origin import Network, Origin
from skyferry.rpc.principals import Directory
from skyferry.rpc.quota import Quota
from skyferry.rpc.signature import PublicParameters, SignatureScheme, SignedRequest
from skyferry.rpc.signature_v1 import SignatureV1

ServicesT = TypeVar("ServicesT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may have. The largest are 10,000 names with nicknames in a form (BatchCheckDeviceNames).

    Attributes:
        body_bytes: size of the body.
        body_seconds: how long the body may take to arrive.
        parameters: number of parameters in URL and body together.
        window_ms: how far the timestamp may be from the server's clock, both ways, in milliseconds.
    """

    body_bytes: int = 5_242_880
    body_seconds: float = 30.0
    parameters: int = 20_480
    window_ms: int = 15 * 60_000


@dataclass(frozen=True, slots=True)
class Environment(Generic[ServicesT]):
    """What all requests share.

    Attributes:
        operations: the operations by name.
        services: what operations work with; handed on unseen.
        directory: who may sign.
        clock: the time.
        limits: what a request may have.
        versions: the API versions that are served.
        nonces: the nonces that were used.
        quota: the calls of the last second.
        quotas: calls per second and account by operation name, in place of what the operations declare.
        trusted_proxies: whose word on the origin of requests counts.
        audit: where calls are written down that change something.
    """

    operations: Mapping[str, Operation[ServicesT]]
    services: ServicesT
    directory: Directory
    clock: Clock
    limits: Limits
    versions: Collection[str]
    nonces: Nonces
    quota: Quota
    quotas: Mapping[str, int]
    trusted_proxies: Sequence[Network]
    audit: AuditTrail


@dataclass(slots=True)
class RequestContext(Generic[ServicesT]):
    """One request on its way. Each step reads what earlier steps wrote.

    Attributes:
        http: the request as aiohttp gives it.
        environment: what all requests share.
        received_ms: when it arrived.
        origin: where it comes from.
        request_id: its identifier, in the answer, its headers and the logs.
        body: the body as sent.
        scheme: the signature scheme that it uses.
        signed: the parts that the signature may cover, parameters decoded.
        public: action, access key, signature and so on.
        session: the session of the temporary access key that signed it.
        timestamp_ms: when it was signed.
        principal: who signed it.
        operation: what it calls.
        instance: the instance that it is about.
        request: its parameters as the operation's model.
        begun: the audit trail knows that the operation has begun.
        response: what the operation answered, as JSON values.
    """

    http: web.Request
    environment: Environment[ServicesT]
    received_ms: int
    origin: Origin
    request_id: str = ""
    body: bytes = b""
    scheme: SignatureScheme = field(default_factory=SignatureV1)
    signed: SignedRequest | None = None
    public: PublicParameters | None = None
    session: Session | None = None
    timestamp_ms: int = 0
    principal: Principal | None = None
    operation: Operation[ServicesT] | None = None
    instance: Instance | None = None
    request: RequestModel | None = None
    begun: bool = False
    response: Mapping[str, Any] = field(default_factory=dict)

    @property
    def raw_query(self) -> str:
        """The query string as sent, still encoded."""
        return self.http.raw_path.partition("#")[0].partition("?")[2]

    def call(self) -> Call[ServicesT]:
        """What the operation gets to know."""
        principal, instance = self.principal, self.instance
        assert principal is not None
        assert instance is not None
        return Call(
            services=self.environment.services,
            instance=instance,
            account_uid=principal.account_uid,
            caller=principal.name,
            request_id=self.request_id,
            source_address=self.origin.address,
        )
