"""The role `api`: applications and people."""

from aiohttp import web

from skyferry import configuration
from skyferry.cluster.nonces import SharedNonces
from skyferry.cluster.quota import SharedQuota
from skyferry.console.application import application as console_application
from skyferry.console.live import Live
from skyferry.console.page import Console
from skyferry.console.signing_in import SigningIn
from skyferry.fleet import principals
from skyferry.operations import OPERATIONS
from skyferry.operations.audit import StoredAuditTrail
from skyferry.operations.services import ServerFacts, Services
from skyferry.ota.changes import MOVED
from skyferry.ram.principal import Principal, Role
from skyferry.ram.tokens import SecurityTokens
from skyferry.roles.foundation import Foundation
from skyferry.rpc.context import Limits
from skyferry.rpc.gateway import Gateway
from skyferry.rpc.principals import Directory, Remembered
from skyferry.tls.certificates import utc_now
from skyferry.tls.files import DeviceCertificate


class ApiRole:
    """The operations, and the console that calls them."""

    def __init__(self, foundation: Foundation, server: ServerFacts) -> None:
        self._foundation = foundation
        self._server = server
        self._tokens = SecurityTokens(foundation.ring)
        self._rpc = self._make_rpc()

    def routes(self) -> list[web.RouteDef]:
        """The API."""
        return self._rpc.routes()

    def console(self, mqtt_port: int) -> web.Application | None:
        """The console; None when it is not served.

        Args:
            mqtt_port: where devices connect.
        """
        foundation = self._foundation
        if not foundation.settings.console:
            return None
        settings = configuration.console_settings(foundation.settings)
        form_key = foundation.ring.derive("console-forms")
        signing_in = SigningIn(foundation.store, foundation.box, foundation.clock, form_key, settings)
        live = Live(signing_in, foundation.clock)
        foundation.store.listen(MOVED, lambda _: live.changed())
        console = Console(
            self._rpc.direct(), signing_in, foundation.store, foundation.box, foundation.clock, live, mqtt_port
        )
        return console_application(
            console, public_url=foundation.public_url, trusted_proxies=foundation.settings.trusted_proxies
        )

    def _make_rpc(self) -> Gateway[Services]:
        foundation = self._foundation
        settings = foundation.settings
        shared = settings.is_one_of_several
        services = Services(
            store=foundation.store,
            bus=foundation.bus,
            clock=foundation.clock,
            box=foundation.box,
            urls=foundation.urls,
            objects=foundation.objects,
            object_limits=foundation.object_limits,
            engine_limits=foundation.engine_limits,
            public_url=foundation.public_url,
            region=settings.region,
            nats=settings.nats is not None,
            tokens=self._tokens,
            target_grants=foundation.target_grants,
            issue_certificate=self._issue_certificate,
            server=self._server,
        )
        return Gateway(
            OPERATIONS,
            services,
            Directory(
                key_owner=Remembered(self._find_principal, foundation.clock),
                role=Remembered(self._find_role, foundation.clock),
                tokens=self._tokens,
            ),
            foundation.clock,
            StoredAuditTrail(foundation.store),
            limits=Limits(window_ms=settings.clock_window_minutes * 60_000),
            quotas=settings.quotas,
            quota=SharedQuota(foundation.store) if shared else None,
            nonces=SharedNonces(foundation.store, foundation.ring.derive("nonces")) if shared else None,
            trusted_proxies=settings.trusted_proxies,
        )

    def _issue_certificate(self, product_key: str, device_name: str, iot_id: str) -> DeviceCertificate:
        return self._foundation.tls_directory.issue_device_certificate(product_key, device_name, iot_id, utc_now())

    async def _find_principal(self, access_key_id: str) -> Principal | None:
        return await self._foundation.store.read(principals.find_principal, access_key_id, self._foundation.box)

    async def _find_role(self, role_id: str) -> Role | None:
        return await self._foundation.store.read(principals.find_role, role_id)
