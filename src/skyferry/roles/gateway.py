"""The role `gateway`: the connections of devices, whichever protocol they speak."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from skyferry import configuration
from skyferry.bus.messages import Command
from skyferry.ddi import http as ddi_http
from skyferry.ddi.downloads import FileSender
from skyferry.ddi.service import DeviceApi
from skyferry.devices import registration_http
from skyferry.devices.gateway import DeviceGateway
from skyferry.endpoints import Endpoints
from skyferry.monitoring import Check
from skyferry.roles.foundation import Foundation
from skyferry.tls.keeper import TlsKeeper


class GatewayRole:
    """Devices on MQTT, on WebSockets, and those that ask over HTTP."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation = foundation
        settings = foundation.settings
        self._forwarder = configuration.forwarder(settings)
        self._gateway = DeviceGateway(
            foundation.store,
            foundation.box,
            foundation.bus,
            foundation.clock,
            configuration.gateway_settings(settings),
            objects=foundation.objects,
            process=foundation.process,
            forward=self._forwarder.forward if self._forwarder else None,
        )
        self._device_api = DeviceApi(
            foundation.store,
            foundation.box,
            foundation.bus,
            foundation.clock,
            foundation.objects,
            throttle=self._gateway.throttle,
            send_file=FileSender(foundation.downloads).send,
            settings=configuration.ddi_settings(settings),
            process=foundation.process,
        )
        foundation.bus.attach_gateway(self._on_commands)

    def routes(self, *, beside: Sequence[web.RouteDef] = ()) -> list[web.RouteDef]:
        """What devices ask for over HTTP.

        Args:
            beside: other routes, whose paths devices may also use for MQTT over WebSocket.
        """
        foundation = self._foundation
        return [
            *self._gateway.websocket_routes(foundation.peer_of, beside=beside),
            *registration_http.routes(self._gateway.registrar, self._gateway.throttle, foundation.peer_of),
            *ddi_http.routes(self._device_api, foundation.origin_of, foundation.public_url),
        ]

    def checks(self) -> Mapping[str, Check]:
        """What must work."""
        return {"mqtt": self._check}

    def begin(self) -> None:
        """Watches over devices that poll."""
        self._device_api.presence.start()

    async def open(self, endpoints: Endpoints, tls: TlsKeeper) -> None:
        """Lets devices in."""
        for endpoint, plain in ((endpoints.mqtt, self._foundation.settings.mqtt_plain), (endpoints.mqtts, False)):
            if endpoint is not None:
                await self._gateway.serve(endpoint.listening, tls=tls.devices, plain=plain)

    async def drain(self, seconds: float) -> None:
        """Lets no device in any more and sends those that are here away, spread over so many seconds.

        Those that poll go by themselves, each when its next poll is due: they are answered as long as they come.
        """
        self._device_api.draining = True
        await self._gateway.drain(seconds)

    def close(self) -> None:
        """Ends the sessions of all devices: those on WebSockets are requests that the web server waits for."""
        self._gateway.close()

    async def let_go(self) -> None:
        """Ends the sessions of all devices, which may come again at once."""
        self._gateway.disconnect_all()
        await self._device_api.presence.forget_all()

    async def stop(self) -> None:
        """Stores what devices have said."""
        await self._gateway.stop()
        if self._forwarder is not None:
            await self._forwarder.close()
        await self._device_api.presence.stop()

    async def _on_commands(self, commands: Sequence[Command]) -> None:
        await self._gateway.on_commands(commands)
        await self._device_api.presence.on_commands(commands)

    async def _check(self) -> None:
        self._gateway.check()
