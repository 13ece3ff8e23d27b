"""The device gateway: the role that holds the devices' connections. It keeps nothing that a restart would lose."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final

import structlog
from aiohttp import web
from sqlalchemy.exc import SQLAlchemyError

from skyferry import outages, tracing
from skyferry.bus.interface import Bus
from skyferry.bus.messages import (
    Command,
    Connected,
    DisconnectDevice,
    Notice,
    NoticeUndelivered,
    Report,
    SubDevicesDetached,
    TellGateway,
    WithdrawPush,
)
from skyferry.clock import Clock
from skyferry.devices import file_downloads, metrics
from skyferry.devices.authentication import WRONG_CREDENTIALS, Authenticator
from skyferry.devices.credentials import AuthType, Credentials, LoginRefusedError, parse_credentials
from skyferry.devices.custom_topics import CustomTopics, Forward
from skyferry.devices.draining import drain
from skyferry.devices.file_downloads import FileDownloads
from skyferry.devices.limits import GatewaySettings
from skyferry.devices.mqtt.interface import Peer, Session
from skyferry.devices.mqtt.packets import Connect, ConnectCode
from skyferry.devices.mqtt.server import MqttServer
from skyferry.devices.mqtt.websocket import WebSocketEndpoint
from skyferry.devices.registration import Registrar, RegistrationSession, register_over_mqtt
from skyferry.devices.reports import Reports
from skyferry.devices.requests import Requests
from skyferry.devices.services import Services
from skyferry.devices.sessions import DeviceSession, SessionContext, Sessions
from skyferry.devices.subdevices.service import SubDeviceService
from skyferry.devices.throttling import LoginThrottle
from skyferry.identifiers import connection_name, process_name
from skyferry.keys import SecretBox
from skyferry.objects.interface import ObjectStore
from skyferry.store.engine import Store
from skyferry.tls.listener import ContextSource
from skyferry.tracing import Kind

log = structlog.get_logger(__name__)

_NOT_CONNECTED: Final = metrics.DROPPED.labels("not_connected")
_ACCEPTED: Final = metrics.LOGINS.labels("accepted")
NOT_STORED: Final = "not_stored"
"""Why a connection ends of whose device something could not be stored."""
LET_GO: Final = "let_go"
"""Why a connection ends of which the other processes do not know any more."""
_LOGGED_LENGTH: Final = 128


class DeviceGateway:
    """Lets devices in, hands what they say to the workers and what the workers say to them.

    The composition root gives `on_commands` to the bus before it starts the gateway.
    """

    def __init__(
        self,
        store: Store,
        box: SecretBox,
        bus: Bus,
        clock: Clock,
        settings: GatewaySettings | None = None,
        *,
        objects: ObjectStore,
        process: str | None = None,
        forward: Forward | None = None,
    ) -> None:
        settings = settings or GatewaySettings()
        self._clock = clock
        self._settings = settings
        self.throttle = LoginThrottle(clock, settings.throttle)
        self.registrar = Registrar(store, box, bus, clock, settings.registration)
        self._sessions = Sessions()
        self._reports = Reports(bus, self._not_stored, retold_s=settings.retold_s)
        self._subdevices = SubDeviceService(store, box, bus, clock, settings)
        self._downloads = FileDownloads(store, objects, bus, clock, settings.downloads)
        services = Services(clock)
        handlers = {
            **services.handlers(),
            **self._subdevices.handlers(),
            file_downloads.SERVICE: self._downloads.handle,
        }
        requests = Requests(handlers, services.handle)
        self._custom = CustomTopics(settings.forward, forward)
        self._context = SessionContext(self._sessions, self._reports, requests, self._custom, clock, settings)
        self._authenticator = Authenticator(store, box, logins_per_lookup=settings.logins_per_lookup)
        self._server = MqttServer(self, settings.mqtt)
        self._process = process or process_name()
        self._made = 0

    async def start(self, host: str, port: int) -> int:
        """Starts to serve MQTT over TCP and gives the port, which is a free one when 0 was asked for.

        Raises:
            OSError: the address cannot be used.
        """
        return await self._server.listen(host, port)

    async def serve(self, listening: socket.socket, *, tls: ContextSource | None = None, plain: bool = True) -> None:
        """Starts to serve MQTT on a listening socket; see `MqttServer.serve`."""
        await self._server.serve(listening, tls=tls, plain=plain)

    def websocket_routes(
        self, peer_of: Callable[[web.Request], Peer], *, beside: Sequence[web.RouteDef]
    ) -> list[web.RouteDef]:
        """MQTT over WebSocket for the HTTP server: at its own path, and at those of other routes `beside` them."""
        endpoint = WebSocketEndpoint(self._server, peer_of)
        return [*map(endpoint.beside, beside), *endpoint.routes()]

    def close(self) -> None:
        """Lets nobody in any more, and ends the sessions of all devices; `stop` does the rest."""
        self._server.close()

    def disconnect_all(self) -> None:
        """Ends the sessions of all devices; they may come again at once."""
        for session in self._sessions.all():
            session.close(LET_GO)

    async def drain(self, seconds: float) -> None:
        """Lets nobody in any more, and ends the sessions of devices spread over so many seconds; may be cancelled."""
        self._server.refuse()
        await drain(self._sessions.on_own_connections, seconds, now=asyncio.get_running_loop().time)

    async def stop(self) -> None:
        """Ends all connections; what they had to report is stored, or has failed to be, when this returns."""
        await self._server.stop()
        await self._downloads.stop()
        await self._custom.drain()
        await self._authenticator.drain()
        await self._subdevices.drain()
        await self.registrar.drain()
        await self._reports.drain()

    def check(self) -> None:
        """Returns when devices can connect, or shall not any more.

        Raises:
            ConnectionError: they cannot.
        """
        if not self._server.serving and not self._server.draining:
            raise ConnectionError("The MQTT endpoint is not open.")

    @property
    def connections(self) -> int:
        """How many devices are logged in."""
        return len(self._sessions)

    async def on_commands(self, commands: Sequence[Command]) -> None:
        """Carries out commands of the workers. A notice that cannot be handed over is reported back."""
        with tracing.span("tell devices", Kind.CLIENT, within=True) as span:
            span.note(commands=len(commands))
            for command in commands:
                self._carry_out(command)

    def _carry_out(self, command: Command) -> None:
        match command:
            case DisconnectDevice():
                self._disconnect(command)
            case WithdrawPush():
                self._withdraw(command)
            case Notice():
                self._deliver(command)
            case SubDevicesDetached() | TellGateway():
                self._subdevices.carry_out(command, self._sessions.get(command.gateway_id))

    async def log_in(self, connect: Connect, peer: Peer) -> Session | ConnectCode:
        """See `skyferry.devices.mqtt.interface.Handler.log_in`."""
        user = connect.username or ""
        try:
            session = await self._log_in(connect, peer)
        except LoginRefusedError as refusal:
            if refusal.reason == WRONG_CREDENTIALS:
                self.throttle.failed(peer.address, user)
            metrics.LOGINS.labels(refusal.reason).inc()
            log.info("login_refused", user=user[:_LOGGED_LENGTH], address=peer.address, reason=refusal.reason)
            return refusal.code
        except SQLAlchemyError as error:
            metrics.LOGINS.labels("store_unavailable").inc()
            log.warning("login_not_checked", address=peer.address, **outages.cause(error))
            return ConnectCode.SERVER_UNAVAILABLE
        self.throttle.succeeded(peer.address, user)
        return session

    async def _log_in(self, connect: Connect, peer: Peer) -> DeviceSession | RegistrationSession:
        if not self.throttle.allows(peer.address, connect.username or ""):
            raise LoginRefusedError(ConnectCode.SERVER_UNAVAILABLE, "slowed_down")
        credentials = parse_credentials(connect)
        if credentials.auth_type in {AuthType.REGISTER, AuthType.REGISTER_UNKNOWN}:
            return await register_over_mqtt(self.registrar, credentials, peer, self._settings.registration)
        return await self._open_session(credentials, connect.keepalive, peer)

    async def _open_session(self, credentials: Credentials, keepalive: int, peer: Peer) -> DeviceSession:
        limits = self._settings.mqtt
        if self._settings.keepalive_checked and not limits.keepalive_least_s <= keepalive <= limits.keepalive_most_s:
            raise LoginRefusedError(ConnectCode.NOT_AUTHORIZED, "keepalive")
        identity = await self._authenticator.log_in(credentials, peer.certificate)
        _ACCEPTED.inc()
        log.debug("login", device=str(identity.address), address=peer.address)
        self._made += 1
        connection_id = connection_name(self._process, self._made)
        return DeviceSession(self._context, identity, connection_id, peer.address, encrypted=peer.encrypted)

    def _disconnect(self, command: DisconnectDevice) -> None:
        session = self._sessions.get(command.device_id)
        if session is not None and command.connection_id in {None, session.connection_id}:
            session.close(command.cause)

    def _not_stored(self, report: Report) -> None:
        """Ends the connection of a device of which something could not be stored: on the next one it says it again."""
        session = self._sessions.get(report.device_id)
        if session is not None and not (
            isinstance(report, Connected) and report.connection_id != session.connection_id
        ):
            session.channel.close(NOT_STORED)

    def _withdraw(self, command: WithdrawPush) -> None:
        self._downloads.withdraw(command.device_id, command.task_id)
        session = self._sessions.get(command.device_id)
        if session is not None:
            session.withdraw(command)

    def _deliver(self, notice: Notice) -> None:
        session = self._sessions.get(notice.device_id)
        if session is None:
            _NOT_CONNECTED.inc()
        elif session.deliver(notice):
            return
        if notice.task_id is not None:
            self._reports.send(NoticeUndelivered(notice.device_id, notice.task_id, self._clock.now_ms()))
