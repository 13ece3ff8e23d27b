"""Listens on one address for TLS and for plain connections alike, and tells them apart by their first byte.

Neither costs the other anything: the kernel reports a connection together with its first bytes where it can
(TCP_DEFER_ACCEPT), so one look without taking the byte (MSG_PEEK) decides at once, and a plain connection goes on with
the transport that the event loop has made for it. Only TLS connections, and clients that say nothing at first, are
handed to the loop again as sockets.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, cast

import structlog

from skyferry.tls import metrics

_BACKLOG: Final = 1_024
_HANDSHAKE: Final = 0x16
"""The first byte of a TLS connection: a record of type handshake (RFC 5246 §6.2.1). No MQTT or HTTP begins with it."""
_LEFT: Final = "closed_by_client"

_log = structlog.get_logger(__name__)

Factory = Callable[[], asyncio.Protocol]
ContextSource = Callable[[], ssl.SSLContext]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLimits:
    """How long a client may take.

    Attributes:
        first_byte_s: seconds from the TCP connection to its first byte.
        handshake_s: seconds of the TLS handshake.
        shutdown_s: seconds of the goodbye of TLS.
    """

    first_byte_s: float = 10
    handshake_s: float = 10
    shutdown_s: float = 5


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; its port is a free one when 0 was asked for.

    Raises:
        OSError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class Listener:
    """Accepts connections on one socket."""

    def __init__(
        self,
        factory: Factory,
        *,
        tls: ContextSource | None = None,
        plain: bool = True,
        limits: ListenerLimits | None = None,
    ) -> None:
        """Accepts nothing yet.

        Args:
            factory: makes the protocol of a connection, when it is known what it is.
            tls: gives the context of a new TLS connection; None when TLS is not spoken here.
            plain: False refuses connections without TLS.
            limits: how long a client may take.
        """
        self.factory = factory
        self._tls = tls
        self._plain = plain
        self._limits = limits or ListenerLimits()
        self._server: asyncio.Server | None = None
        self._waiting: set[asyncio.Task[None]] = set()

    async def start(self, listening: socket.socket) -> None:
        """Accepts from here on."""
        factory = self.factory
        if self._tls is not None:
            factory = lambda: _FirstByte(self)  # noqa: E731
            with suppress(OSError, AttributeError):  # only Linux has it
                seconds = round(self._limits.first_byte_s)
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, seconds)
        self._server = await asyncio.get_running_loop().create_server(factory, sock=listening, backlog=_BACKLOG)

    @property
    def serving(self) -> bool:
        """True while connections are accepted."""
        return self._server is not None and self._server.is_serving()

    def close(self) -> None:
        """Accepts no more, and ends what has not become a connection of the protocol yet."""
        if self._server is not None:
            self._server.close()
        for task in self._waiting:
            task.cancel()

    async def wait_closed(self) -> None:
        """Returns when nothing is left of it but connections of the protocol."""
        if self._waiting:
            await asyncio.wait(self._waiting)

    def begin(self, transport: asyncio.Transport) -> None:
        """Decides about a connection that was accepted."""
        descriptor = transport.get_extra_info("socket").fileno()
        first = _peek(descriptor)
        if first and self._plain and first[0] != _HANDSHAKE:
            protocol = self.factory()
            transport.set_protocol(protocol)
            protocol.connection_made(transport)
            return
        connection = socket.socket(fileno=os.dup(descriptor))
        transport.abort()
        task = asyncio.get_running_loop().create_task(self._hand_over(connection))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _hand_over(self, connection: socket.socket) -> None:
        """Waits for the first byte and makes a connection of what it says, or ends it."""
        address = _address_of(connection)
        try:
            context = await self._context_of(connection)
            tls = context is not None
            await asyncio.get_running_loop().connect_accepted_socket(  # from here on the loop closes the socket
                self.factory,
                connection,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_s if tls else None,
                ssl_shutdown_timeout=self._limits.shutdown_s if tls else None,
            )
        except _RefusedError as refusal:
            _note(str(refusal), address)
        except OSError as error:
            # OpenSSL's own words help whoever holds the device: a suite or a name that does not fit.
            _note("handshake", address, cause=getattr(error, "reason", None) or str(error))

    async def _context_of(self, connection: socket.socket) -> ssl.SSLContext | None:
        """The context for a connection, None for a plain one; closes what is not wanted.

        Raises:
            _RefusedError: it is not wanted.
        """
        try:
            async with asyncio.timeout(self._limits.first_byte_s):
                first = await _first_byte(connection)
            return self._context_for(first)
        except TimeoutError:
            connection.close()
            raise _RefusedError("silent") from None
        except BaseException:
            connection.close()
            raise

    def _context_for(self, first: bytes) -> ssl.SSLContext | None:
        if not first:
            raise _RefusedError(_LEFT)
        if first[0] == _HANDSHAKE and self._tls is not None:
            return self._tls()
        if not self._plain:
            raise _RefusedError("not_encrypted")
        return None


class _RefusedError(Exception):
    """The connection is not wanted; the message says why in one word."""


class _FirstByte(asyncio.Protocol):
    """The protocol of a connection in the moment in which it is accepted."""

    __slots__ = ("_listener",)

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `Listener.begin`."""
        self._listener.begin(cast("asyncio.Transport", transport))


def _peek(descriptor: int) -> bytes:
    """The first byte of a connection if it is there; leaves it where it is."""
    borrowed = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, fileno=descriptor)
    try:
        return borrowed.recv(1, socket.MSG_PEEK)
    except OSError:
        return b""
    finally:
        borrowed.detach()


async def _first_byte(connection: socket.socket) -> bytes:
    """Waits until the first byte is there; empty when the client closes instead."""
    connection.setblocking(False)  # noqa: FBT003 - the library's signature
    loop = asyncio.get_running_loop()
    while True:
        with suppress(BlockingIOError):
            try:
                return connection.recv(1, socket.MSG_PEEK)
            except ConnectionError:
                return b""
        readable = loop.create_future()
        loop.add_reader(connection, _done, readable)
        try:
            await readable
        finally:
            loop.remove_reader(connection)


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _address_of(connection: socket.socket) -> str:
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return ""


def _note(reason: str, address: str, *, cause: str | None = None) -> None:
    """Counts a connection that came to nothing, and logs it unless the client just left, as health checks do."""
    metrics.CONNECTIONS_REFUSED.labels(reason).inc()
    if reason != _LEFT:
        _log.info("connection_refused", address=address, reason=reason, cause=cause)
