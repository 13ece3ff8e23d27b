"""What carries the MQTT of load devices besides TCP: TLS that may resume a session.

The event loop's own TLS cannot be told a session. This one is the protocol of a TCP connection, and the transport of
the device above it.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

_AT_ONCE: Final = 65_536

Carrier = Callable[[asyncio.Protocol], asyncio.Protocol]
"""Puts itself below a device."""


class Tls:
    """Makes TLS connections; those after the first resume its session when that is wanted.

    Attributes:
        resumed: how many did.
    """

    def __init__(self, authority: Path, *, resumes: bool = False, ciphers: str | None = None) -> None:
        """Args: authority: the file to trust; ciphers: those of TLS 1.2 only; 1.3 is spoken when None are given."""
        self.context = ssl.create_default_context(cafile=authority)
        if ciphers is not None:
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
            self.context.set_ciphers(ciphers)
        self.session: ssl.SSLSession | None = None
        self.resumed = 0
        self._resumes = resumes

    def __call__(self, device: asyncio.Protocol) -> asyncio.Protocol:
        """A connection for a device."""
        return _TlsConnection(self, device)

    def learn(self, connection: ssl.SSLObject) -> None:
        """A connection has its first answer: with TLS 1.3 the session comes before that, but after the handshake."""
        self.resumed += bool(connection.session_reused)
        if self._resumes and self.session is None:
            self.session = connection.session


class _Carried(asyncio.Protocol):
    """One connection below a device, whose transport it is as well."""

    def __init__(self, device: asyncio.Protocol) -> None:
        self._device = device
        self._transport = cast("asyncio.Transport", None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TCP connection is there."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The TCP connection is gone."""
        self._device.connection_lost(exc)

    def close(self) -> None:
        """Closes without a goodbye, as a device that is switched off."""
        self._transport.close()

    def _open(self) -> None:
        self._device.connection_made(cast("asyncio.BaseTransport", self))


class _TlsConnection(_Carried):
    def __init__(self, tls: Tls, device: asyncio.Protocol) -> None:
        super().__init__(device)
        self._tls = tls
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = tls.context.wrap_bio(
            self._incoming, self._outgoing, server_hostname="localhost", session=tls.session
        )
        self._shaken = self._heard = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._shake()

    def data_received(self, data: bytes) -> None:
        self._incoming.write(data)
        if not self._shaken:
            self._shake()
        if self._shaken:
            with suppress(ssl.SSLWantReadError):
                while received := self._object.read(_AT_ONCE):
                    if not self._heard:
                        self._heard = True
                        self._tls.learn(self._object)
                    self._device.data_received(received)
            self._flush()

    def write(self, data: bytes) -> None:
        """Sends something of the device's."""
        self._object.write(data)
        self._flush()

    def _shake(self) -> None:
        with suppress(ssl.SSLWantReadError):
            self._object.do_handshake()
            self._shaken = True
        self._flush()
        if self._shaken:
            self._open()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())
