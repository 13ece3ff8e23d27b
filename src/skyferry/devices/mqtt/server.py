"""The listeners of the MQTT end and the one watch over all their connections."""

import asyncio
from contextlib import suppress

from skyferry.devices.limits import MqttLimits
from skyferry.devices.mqtt.connection import Connection
from skyferry.devices.mqtt.interface import Handler

_BACKLOG = 1_024


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
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._stopping = False
        self._empty = asyncio.Event()

    async def listen(self, host: str, port: int) -> int:
        """Starts to accept TCP connections and gives the port, which is a free one when 0 was asked for.

        Raises:
            OSError: the address cannot be used.
        """
        loop = asyncio.get_running_loop()
        self.now = loop.time()
        self._listener = await loop.create_server(lambda: Connection(self), host, port, backlog=_BACKLOG)
        self._sweeper = loop.create_task(self._sweep())
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    @property
    def serving(self) -> bool:
        """True while connections are accepted."""
        return self._listener is not None and self._listener.is_serving()

    async def stop(self) -> None:
        """Stops accepting and ends all connections; their sessions have been told when this returns."""
        self._stopping = True
        if self._listener is not None:
            self._listener.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in list(self.connections):
            connection.close("server_stop")
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until_empty(), self.limits.linger_s)
        for connection in list(self.connections):
            connection.abort()
        await self._until_empty()
        if self.logins:
            await asyncio.wait(self.logins)
        if self._listener is not None:
            await self._listener.wait_closed()

    def made(self, connection: Connection) -> None:
        """A connection was accepted; one that was on its way while the server stopped is cut off."""
        self.connections.add(connection)
        if self._stopping:
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
