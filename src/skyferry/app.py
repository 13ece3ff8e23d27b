"""The composition root: settings in, a running server out. Nothing else makes the parts and connects them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from skyferry import configuration, monitoring
from skyferry.bus.local import LocalBus
from skyferry.bus.messages import Command, Downloaded
from skyferry.clock import SystemClock
from skyferry.cluster.claims import Alone, Claims
from skyferry.console.application import application as console_application
from skyferry.console.live import Live
from skyferry.console.page import Console
from skyferry.console.signing_in import SigningIn
from skyferry.datadir import DataDir, write_private
from skyferry.ddi import http as ddi_http
from skyferry.ddi.downloads import FileSender
from skyferry.ddi.service import DeviceApi
from skyferry.delivery.service import Delivery
from skyferry.devices import registration_http
from skyferry.devices.gateway import DeviceGateway
from skyferry.devices.mqtt.interface import Peer
from skyferry.endpoints import AddressError, Endpoints
from skyferry.fleet import accounts, people, principals
from skyferry.fleet.accounts import NewKey
from skyferry.keys import KeyRing, SecretBox
from skyferry.objects import http as objects_http
from skyferry.objects.cleaning import remove_strays
from skyferry.objects.downloads import Downloads, Served
from skyferry.objects.urls import DownloadUrls
from skyferry.operations import OPERATIONS
from skyferry.operations.audit import StoredAuditTrail
from skyferry.operations.services import Services
from skyferry.ota.changes import MOVED
from skyferry.ota.offers import OfferMaker
from skyferry.ram.principal import Principal, Role
from skyferry.ram.tokens import SecurityTokens
from skyferry.rpc.context import Limits
from skyferry.rpc.gateway import Gateway
from skyferry.rpc.origin import Origin, origin_of
from skyferry.rpc.principals import Directory, Remembered
from skyferry.scheduler.chores import Chores
from skyferry.scheduler.downloads import DownloadCounts
from skyferry.scheduler.recovery import recover, tell_departures
from skyferry.scheduler.reports import ReportWorker
from skyferry.scheduler.runner import Runner
from skyferry.scheduler.withdrawals import Withdrawals
from skyferry.settings import Settings
from skyferry.store import migrate
from skyferry.store.engine import Store
from skyferry.tls.certificates import utc_now
from skyferry.tls.errors import TlsError
from skyferry.tls.files import DeviceCertificate, TlsDirectory
from skyferry.tls.keeper import TlsKeeper
from skyferry.tls.names import certificate_names
from skyferry.trust.signatures import DigestSigner
from skyferry.trust.tuf import http as tuf_http
from skyferry.trust.tuf.grants import TargetGrants
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.repository import Repositories
from skyferry.web import WebServer

_DEVICES_AT_ONCE: Final = 1_000


class StartError(Exception):
    """The server cannot start; the message says why."""


@dataclass(frozen=True, slots=True)
class Started:
    """Where a started server listens, and what its first start made up: the root account's AccessKey and password."""

    endpoints: Endpoints
    public_url: str
    new_root_key: NewKey | None
    new_root_password: str | None


class Server:
    """All roles in one process."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet.

        Raises:
            skyferry.keys.KeyFileError: the key file cannot be used.
            ValueError: the database is of a kind that is not supported, or the object store needs an extra.
        """
        self._settings = settings
        self._directory = DataDir(settings.data_dir)
        ring = KeyRing.load_or_create(self._directory.key)
        self._box = SecretBox(ring.derive("secrets"))
        self._tokens = SecurityTokens(ring)
        self._form_key = ring.derive("console-forms")
        self._download_key = ring.derive("download-urls")
        self._target_grants = TargetGrants(ring.derive("tuf-targets"), settings.download_url_hours * 3_600)
        self._tls_directory = TlsDirectory(self._directory.tls)
        self._clock = SystemClock()
        self._bus = LocalBus()
        self._store = Store(settings.database or str(self._directory.database))
        self._objects = configuration.object_store(settings, self._directory, owner=ring.derive("objects").hex())
        self._object_limits = configuration.object_limits(settings)
        serving = configuration.serving(
            settings,
            self._objects,
            told=self._downloaded,
            address_of=lambda request: self._origin_of(request).address,
        )
        self._downloads = Downloads(self._store, self._objects, serving, self._object_limits.stall_seconds)
        self._engine_limits = configuration.engine_limits(settings)
        self._claims: Claims = Alone()
        self._delivery = Delivery(
            self._store,
            self._box,
            self._clock,
            configuration.delivery_limits(settings),
            self._claims,
            nats=settings.nats,
        )
        self._forwarder = configuration.forwarder(settings)
        self._gateway = DeviceGateway(
            self._store,
            self._box,
            self._bus,
            self._clock,
            configuration.gateway_settings(settings),
            objects=self._objects,
            forward=self._forwarder.forward if self._forwarder else None,
        )
        self._device_api = DeviceApi(
            self._store,
            self._box,
            self._bus,
            self._clock,
            self._objects,
            throttle=self._gateway.throttle,
            send_file=FileSender(self._downloads).send,
            settings=configuration.ddi_settings(settings),
        )

    async def start(self) -> Started:
        """Migrates the database, recovers from the former run, and opens the doors; devices and API last.

        Raises:
            StartError: the database, the object store, an address or a certificate cannot be used.
            skyferry.fleet.accounts.AccountError: the root key in the settings cannot be used.
        """
        await self._migrate()
        new_key = await self._ensure_root()
        new_password = await self._ensure_root_password()
        await self._start_objects()
        await self._recover()
        endpoints = self._take_endpoints()
        public_url = endpoints.public_url(self._settings.public_url)
        await self._start_tls(endpoints, public_url)
        self._connect_worker(public_url)
        self._runner.start()
        self._device_api.presence.start()
        self._delivery.start()
        rpc = self._rpc(public_url)
        self._web = WebServer(self._routes(public_url, rpc), console=self._console(endpoints, public_url, rpc))
        await self._web.start(endpoints, self._tls)
        await self._gateway.serve(endpoints.mqtt.listening, tls=self._tls.devices, plain=self._settings.mqtt_plain)
        if endpoints.mqtts is not None:
            await self._gateway.serve(endpoints.mqtts.listening, tls=self._tls.devices, plain=False)
        return Started(endpoints, public_url, new_key, new_password)

    def reload(self) -> None:
        """Reads certificates anew that have changed, soon."""
        self._tls.wake()

    async def stop(self) -> None:
        """Closes the doors, finishes what was begun, and stores what devices have said."""
        self._gateway.close()  # devices on WebSockets are requests that the web server waits for
        await self._web.stop()
        await self._gateway.stop()
        if self._forwarder is not None:
            await self._forwarder.close()
        await self._tls.stop()
        await self._device_api.presence.stop()
        await self._runner.stop()
        await self._reports.drain()
        await self._withdrawals.drain()
        await self._download_counts.write()
        await self._delivery.stop()
        await self._objects.close()
        await self._store.close()

    async def _migrate(self) -> None:
        try:
            await migrate.upgrade(self._store)
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StartError(f"The database {self._store.url} cannot be used: {reason}") from error

    async def _start_objects(self) -> None:
        try:
            await self._objects.start()
            await self._objects.sweep()
            await remove_strays(self._store, self._objects, self._object_limits, stored_before=self._clock.now_ms())
        except OSError as error:
            await self._objects.close()
            raise StartError(f"Package files cannot be stored: {error}") from error

    async def _recover(self) -> None:
        now, after = self._clock.now_ms(), 0
        while (last := await self._store.write(tell_departures, now, after=after, most=_DEVICES_AT_ONCE)) is not None:
            after = last
        await self._store.write(recover, now)

    def _take_endpoints(self) -> Endpoints:
        try:
            return Endpoints.take(self._settings)
        except AddressError as error:
            raise StartError(str(error)) from error

    async def _start_tls(self, endpoints: Endpoints, public_url: str) -> None:
        hosts = [endpoint.address.host for endpoint in endpoints.all()]
        names = certificate_names([public_url], hosts, self._settings.tls_names)
        self._tls = TlsKeeper(
            self._tls_directory, configuration.tls_sources(self._settings, self._tls_directory), names
        )
        try:
            await self._tls.start()
        except TlsError as error:
            raise StartError(str(error)) from error

    async def _ensure_root(self) -> NewKey | None:
        secret = self._settings.root_access_key_secret
        given = self._settings.root_access_key_id
        new_key = await self._store.write(
            accounts.ensure_root,
            self._box,
            key_id=given,
            secret=secret.get_secret_value() if secret else None,
            now_ms=self._clock.now_ms(),
        )
        if new_key is None or given is not None:
            return None
        write_private(self._directory.root_key, f"{new_key.access_key_id}\n{new_key.secret}\n")
        return new_key

    async def _ensure_root_password(self) -> str | None:
        given = self._settings.root_password
        made = await self._store.write(
            people.ensure_root_password,
            given.get_secret_value() if given else None,
            now=self._clock.now_ms(),
        )
        if made is not None:
            write_private(self._directory.root_password, f"{made}\n")
        return made

    def _connect_worker(self, public_url: str) -> None:
        base_url = self._settings.download_url or public_url
        self._urls = DownloadUrls(base_url, self._download_key, self._settings.download_url_hours * 3_600)
        maker = OfferMaker(self._urls, DigestSigner(self._box), configuration.direct_url(self._settings))
        self._reports = ReportWorker(self._store, self._bus, self._clock, maker, self._engine_limits)
        self._download_counts = DownloadCounts(self._store)
        chores = Chores(
            store=self._store,
            bus=self._bus,
            clock=self._clock,
            box=self._box,
            maker=maker,
            limits=self._engine_limits,
            objects=self._objects,
            object_limits=self._object_limits,
            audit_ms=self._settings.audit_days * 86_400_000,
            repositories=Repositories(self._store, self._box, self._clock, TufLimits()),
            downloads=self._download_counts,
            claims=self._claims,
        )
        self._runner = Runner(self._store, self._clock, chores.all())
        self._withdrawals = Withdrawals(self._store, self._bus)
        self._bus.attach_worker(self._reports.submit, self._runner.wake, self._download_counts.add)
        self._bus.attach_gateway(self._on_commands)

    async def _on_commands(self, commands: Sequence[Command]) -> None:
        await self._gateway.on_commands(commands)
        await self._device_api.presence.on_commands(commands)

    def _routes(self, public_url: str, rpc: Gateway[Services]) -> list[web.RouteDef]:
        """All that is offered over HTTP."""
        checks = {
            "store": self._store.check,
            "objects": self._objects.check,
            "bus": self._bus.check,
            "http": self._check_web,
            "mqtt": self._check_gateway,
            "worker": self._runner.check,
            "delivery": self._delivery.check,
        }
        return [
            *self._gateway.websocket_routes(self._peer_of, beside=rpc.routes()),
            *objects_http.routes(
                self._store,
                self._objects,
                self._box,
                self._clock,
                public_url=public_url,
                download_urls=self._urls,
                limits=self._object_limits,
                downloads=self._downloads,
            ),
            *tuf_http.routes(self._store, self._clock, urls=self._urls, grants=self._target_grants),
            *registration_http.routes(self._gateway.registrar, self._gateway.throttle, self._peer_of),
            *ddi_http.routes(self._device_api, self._origin_of, public_url),
            *monitoring.routes(checks),
        ]

    def _origin_of(self, request: web.Request) -> Origin:
        return origin_of(request, self._settings.trusted_proxies)

    def _peer_of(self, request: web.Request) -> Peer:
        origin = self._origin_of(request)
        return Peer(origin.address, origin.secure)

    def _console(self, endpoints: Endpoints, public_url: str, rpc: Gateway[Services]) -> web.Application | None:
        if not self._settings.console:
            return None
        settings = configuration.console_settings(self._settings)
        signing_in = SigningIn(self._store, self._box, self._clock, self._form_key, settings)
        live = Live(signing_in, self._clock)
        self._store.listen(MOVED, lambda _: live.changed())
        mqtt_port = endpoints.mqtt.address.port
        console = Console(rpc.direct(), signing_in, self._store, self._box, self._clock, live, mqtt_port)
        return console_application(console, public_url=public_url, trusted_proxies=self._settings.trusted_proxies)

    def _rpc(self, public_url: str) -> Gateway[Services]:
        services = Services(
            store=self._store,
            bus=self._bus,
            clock=self._clock,
            box=self._box,
            urls=self._urls,
            objects=self._objects,
            object_limits=self._object_limits,
            engine_limits=self._engine_limits,
            public_url=public_url,
            region=self._settings.region,
            nats=self._settings.nats is not None,
            tokens=self._tokens,
            target_grants=self._target_grants,
            issue_certificate=self._issue_certificate,
        )
        return Gateway(
            OPERATIONS,
            services,
            Directory(
                key_owner=Remembered(self._find_principal, self._clock),
                role=Remembered(self._find_role, self._clock),
                tokens=self._tokens,
            ),
            self._clock,
            StoredAuditTrail(self._store),
            limits=Limits(window_ms=self._settings.clock_window_minutes * 60_000),
            quotas=self._settings.quotas,
            trusted_proxies=self._settings.trusted_proxies,
        )

    def _issue_certificate(self, product_key: str, device_name: str, iot_id: str) -> DeviceCertificate:
        return self._tls_directory.issue_device_certificate(product_key, device_name, iot_id, utc_now())

    async def _find_principal(self, access_key_id: str) -> Principal | None:
        return await self._store.read(principals.find_principal, access_key_id, self._box)

    async def _find_role(self, role_id: str) -> Role | None:
        return await self._store.read(principals.find_role, role_id)

    async def _check_web(self) -> None:
        self._web.check()

    def _downloaded(self, served: Served) -> None:
        self._bus.downloaded(Downloaded(served.task_id, served.sent, 1, int(not served.complete), self._clock.now_ms()))

    async def _check_gateway(self) -> None:
        self._gateway.check()
