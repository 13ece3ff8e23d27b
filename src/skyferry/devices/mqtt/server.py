"""The listeners of the MQTT end and the one watch over all their connections."""

import asyncio
import socket
from contextlib import suppress

from skyferry.devices.limits import MqttLimits
from skyferry.devices.mqtt.connection import Connection
from skyferry.devices.mqtt.interface import Handler
from skyferry.tls.listener import ContextSource, Listener, ListenerLimits, bind


class MqttServer:
    """Accepts connections and ends those that are silent for too long.

    Silence is watched by one sweep over all connections, not by a timer for each: a packet costs no timer, and an idle
    connection costs nothing but its place in a set. `now` is the loop's time as of the last sweep.
    """

    def __init__(self, handler: Handler, limits: MqttLimits) -> None:
        self.handler = handler
        self.limits = limits
        self.now = 0.0
        self.connections: set[Connection] = set()
        self.logins: set[asyncio.Task[None]] = set()
        self._listeners: list[Listener] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._refusing = False
        self._stopping = False
        self._empty = asyncio.Event()

    async def listen(self, host: str, port: int, *, tls: ContextSource | None = None, plain: bool = True) -> int:
        """See `serve`; gives the port, which is a free one when 0 was asked for.

        Raises:
            OSError: the address cannot be used.
        """
        listening = bind(host, port)
        await self.serve(listening, tls=tls, plain=plain)
        bound: int = listening.getsockname()[1]
        return bound

    async def serve(self, listening: socket.socket, *, tls: ContextSource | None = None, plain: bool = True) -> None:
        """Starts to accept connections on a socket; may be called for several.

        Args:
            listening: a listening TCP socket.
            tls: gives the context of a new TLS connection; None when TLS is not spoken here.
            plain: False refuses connections without TLS.
        """
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        limits = ListenerLimits(first_byte_s=self.limits.connect_timeout_s, handshake_s=self.limits.connect_timeout_s)
        listener = Listener(self.connection, tls=tls, plain=plain, limits=limits)
        await listener.start(listening)
        self._listeners.append(listener)
        if self._sweeper is None:
            self._sweeper = loop.create_task(self._sweep())

    def connection(self) -> Connection:
        """The protocol of a new connection."""
        return Connection(self)

    @property
    def serving(self) -> bool:
        """True while connections are accepted."""
        return bool(self._listeners) and all(listener.serving for listener in self._listeners)

    @property
    def draining(self) -> bool:
        """True between `refuse` and `close`."""
        return self._refusing and not self._stopping

    def refuse(self) -> None:
        """Stops accepting; who is connected stays so."""
        self._refusing = True
        for listener in self._listeners:
            listener.close()

    def close(self) -> None:
        """Stops accepting and says goodbye to all clients; their sessions have been told when this returns."""
        self.refuse()
        self._stopping = True
        for connection in list(self.connections):
            connection.close("server_stop")

    async def stop(self) -> None:
        """Does what `close` does, and has ended all connections when this returns."""
        self.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until_empty(), self.limits.linger_s)
        for connection in list(self.connections):
            connection.abort()
        await self._until_empty()
        if self.logins:
            await asyncio.wait(self.logins)
        for listener in self._listeners:
            await listener.wait_closed()

    def made(self, connection: Connection) -> None:
        """A connection was accepted; one that was on its way while the server stopped is cut off."""
        self.connections.add(connection)
        if self._refusing:
            connection.abort()

    def lost(self, connection: Connection) -> None:
        """A connection is gone for good."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def _until_empty(self) -> None:
        while self.connections:
            self._empty.clear()
            await self._empty.wait()

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.limits.sweep_s)
            self.now = now = loop.time()
            for connection in [each for each in self.connections if now - each.heard > each.patience]:
                connection.expire()
