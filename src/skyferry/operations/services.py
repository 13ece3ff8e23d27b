"""What operations work with; made once by the composition root."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from skyferry.bus.interface import Bus
from skyferry.clock import Clock
from skyferry.effective_settings import EffectiveSetting
from skyferry.fleet.certificates import CertificateIssuer
from skyferry.keys import SecretBox
from skyferry.monitoring import Health
from skyferry.objects.interface import ObjectStore
from skyferry.objects.limits import ObjectLimits
from skyferry.objects.urls import DownloadUrls
from skyferry.ota.models import EngineLimits
from skyferry.ram.tokens import SecurityTokens
from skyferry.rpc import call
from skyferry.rpc.operation import RequestModel
from skyferry.store.engine import Store
from skyferry.trust.tuf.grants import TargetGrants


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What those who operate this server may ask of it.

    Attributes:
        started_ms: since when it runs, in milliseconds since the Unix epoch.
        addresses: where it listens, by the names of the settings.
        data_dir: its data directory.
        settings: what it runs with, without secrets.
        health: whether its parts work.
        certificate_end_ms: when its certificate ends; None when it speaks no TLS.
    """

    started_ms: int
    addresses: Sequence[tuple[str, str]]
    data_dir: Path
    settings: Sequence[EffectiveSetting]
    health: Health
    certificate_end_ms: Callable[[], int | None]


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the server that operations use.

    Attributes:
        public_url: the server's URL as its users know it.
        region: what is answered where the dialect asks for a region.
        nats: whether messages to the business server can go through NATS.
        tokens: makes the tokens of temporary access keys.
        target_grants: signs the base URLs of TUF targets.
        issue_certificate: makes the certificate of a device.
        server: what is known of the server itself.
    """

    store: Store
    bus: Bus
    clock: Clock
    box: SecretBox
    urls: DownloadUrls
    objects: ObjectStore
    object_limits: ObjectLimits
    engine_limits: EngineLimits
    public_url: str
    region: str
    nats: bool
    tokens: SecurityTokens
    target_grants: TargetGrants
    issue_certificate: CertificateIssuer
    server: ServerFacts


Call = call.Call[Services]


class InstanceRequest(RequestModel):
    """What every operation can be told: the instance. The gateway has looked it up before an operation runs."""

    iot_instance_id: str | None = None
    """The instance of the account; its default instance when absent."""
