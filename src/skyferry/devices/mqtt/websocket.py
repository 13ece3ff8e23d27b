"""MQTT over WebSocket (MQTT 3.1.1 chapter 6): a WebSocket of the HTTP server as the transport of a connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, hdrs, web

from skyferry.devices.mqtt.connection import Connection
from skyferry.devices.mqtt.interface import Peer
from skyferry.devices.mqtt.server import MqttServer

PATH: Final = "/mqtt"

_SUBPROTOCOLS: Final = ("mqtt", "mqttv3.1")
"""The standard's (§6), and what clients of MQTT 3.1 offer; the first of these that is offered is chosen."""


class WebSocketEndpoint:
    """Takes devices in that come through the HTTP server: at `/mqtt`, and at `/` beside the API."""

    def __init__(self, server: MqttServer, peer_of: Callable[[web.Request], Peer]) -> None:
        """Takes nobody in yet.

        Args:
            server: whose connections they become.
            peer_of: who sent a request, and whether it was encrypted all the way that counts.
        """
        self._server = server
        self._peer_of = peer_of

    def routes(self) -> list[web.RouteDef]:
        """The route of the endpoint's own path."""
        return [web.get(PATH, self.handle, allow_head=False)]

    def beside(self, route: web.RouteDef) -> web.RouteDef:
        """A route that serves WebSockets here, and everything else as it did."""

        async def either(request: web.Request) -> web.StreamResponse:
            if _asks_for_websocket(request):
                return await self.handle(request)
            return await route.handler(request)

        return web.route(route.method, route.path, either)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serves one device; returns when its connection has ended."""
        if not _asks_for_websocket(request):
            text = "This is MQTT over WebSocket: connect with a WebSocket client.\n"
            return web.Response(status=426, text=text, headers={hdrs.UPGRADE: "websocket"})
        offered = request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, [])
        names = {name.strip() for each in offered for name in each.split(",")}
        chosen = next((name for name in _SUBPROTOCOLS if name in names), None)
        if chosen is None:
            return web.Response(status=400, text="Offer the WebSocket subprotocol mqtt (Sec-WebSocket-Protocol).\n")
        limits = self._server.limits
        socket = web.WebSocketResponse(
            timeout=limits.linger_s, protocols=(chosen,), compress=False, max_msg_size=limits.frame_bytes
        )
        try:
            await socket.prepare(request)
        except ValueError:  # what aiohttp makes of headers that are not ASCII
            return web.Response(status=400, text="The WebSocket handshake is malformed (RFC 6455 section 4.1).\n")
        carrier = request.transport
        if carrier is not None:
            await WebSocketTransport(socket, carrier, self._peer_of(request)).carry(self._server.connection())
        return socket


def _asks_for_websocket(request: web.Request) -> bool:
    return request.method == hdrs.METH_GET and request.headers.get(hdrs.UPGRADE, "").strip().lower() == "websocket"


class WebSocketTransport(asyncio.Transport):
    """What a `Connection` has in the place of a TCP connection.

    Frames are but pieces of the stream of bytes: control packets may span them or share them (MQTT-6.0.0-2). While
    the connection does not read, nothing is taken from the WebSocket, which then stops to read as well. What is
    written waits here only while the client does not read.
    """

    def __init__(self, socket: web.WebSocketResponse, carrier: asyncio.Transport, peer: Peer) -> None:
        """Carries nothing yet.

        Args:
            socket: the WebSocket, after its handshake.
            carrier: the transport below it.
            peer: who is at the other end.
        """
        super().__init__({"peer": peer, "peername": (peer.address, 0)})
        self._socket = socket
        self._carrier = carrier
        self._closing = False
        self._code = WSCloseCode.OK
        self._readable = asyncio.Event()
        self._readable.set()
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._most_bytes = 0
        self._sender: asyncio.Task[None] | None = None

    async def carry(self, connection: Connection) -> None:
        """Is the transport of a connection until that ends."""
        self._connection = connection
        connection.connection_made(self)
        try:
            await self._receive()
            if self._closing and self._sender is not None:
                await self._sender
        finally:
            self._end()
            error = self._socket.exception()
            connection.connection_lost(error if isinstance(error, Exception) else None)

    # --- asyncio.Transport

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends as a frame; ends the connection when the client reads too little."""
        if self._closing:
            return
        self._unsent.append(bytes(data))
        self._unsent_bytes += len(data)
        self._send_soon()
        if self.get_write_buffer_size() > self._most_bytes:
            self._connection.pause_writing()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the client, here and below."""
        return self._unsent_bytes + self._carrier.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:  # noqa: ARG002
        """More bytes than `high` may not wait. There is no way back below `low`: the connection ends above `high`."""
        self._most_bytes = high or 0

    def pause_reading(self) -> None:
        """No more `data_received` from here on."""
        self._readable.clear()

    def resume_reading(self) -> None:
        """See `pause_reading`."""
        self._readable.set()

    def is_closing(self) -> bool:
        """True when nothing can be written any more."""
        return self._closing

    def close(self) -> None:
        """Sends what was written, says goodbye and waits a moment for the client's."""
        if not self._closing:
            self._closing = True
            self._readable.set()
            self._send_soon()

    def abort(self) -> None:
        """Ends the connection below at once."""
        self._closing = True
        self._readable.set()
        self._carrier.abort()

    # --- the WebSocket's side

    async def _receive(self) -> None:
        """Hands on what arrives until either side ends."""
        while await self._readable.wait() and not self._closing:
            message = await self._socket.receive()
            if message.type is WSMsgType.BINARY:
                self._connection.data_received(message.data)
            elif message.type is WSMsgType.TEXT:
                self._code = WSCloseCode.UNSUPPORTED_DATA
                self._connection.close("text_frame")
            else:
                return

    def _send_soon(self) -> None:
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        with suppress(ConnectionError):  # whoever receives learns it as well
            while self._unsent:
                data = self._unsent.popleft()
                self._unsent_bytes -= len(data)
                await self._socket.send_bytes(data)
        if self._closing:
            await self._socket.close(code=self._code)
        else:
            self._sender = None

    def _end(self) -> None:
        """Leaves nothing behind, though the client may still have to read: it is gone, or had its time."""
        self._closing = True
        if self._sender is not None:
            self._sender.cancel()
        if self._carrier.get_write_buffer_size():
            self._carrier.abort()
