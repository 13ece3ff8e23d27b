"""One port for TLS and plain connections."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest

from skyferry.tls import contexts, metrics
from skyferry.tls.certificates import utc_now
from skyferry.tls.contexts import ContextSources
from skyferry.tls.files import TlsDirectory
from skyferry.tls.listener import Listener, ListenerLimits, bind
from tests.unit.devices.support import PATIENCE, until

SOON = ListenerLimits(first_byte_s=0.2, handshake_s=0.2)


class Echo(asyncio.Protocol):
    """Says what the transport is, then what it hears."""

    made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        type(self).made += 1
        self.transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        certificate = tls and tls.getpeercert()
        who = dict(pair for part in certificate["subject"] for pair in part)["commonName"] if certificate else "nobody"
        self.transport.write(f"{'tls' if tls else 'plain'} {who}\n".encode())

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


@pytest.fixture(scope="session")
def server_contexts(certified: TlsDirectory) -> contexts.Contexts:
    return contexts.load(ContextSources(certified.server, [certified.device_authority.certificate]))


@asynccontextmanager
async def listening(
    tls: Callable[[], ssl.SSLContext] | None, *, plain: bool = True, limits: ListenerLimits | None = None
) -> AsyncIterator[int]:
    listener, taken = Listener(Echo, tls=tls, plain=plain, limits=limits), bind("127.0.0.1", 0)
    await listener.start(taken)
    try:
        yield taken.getsockname()[1]
    finally:
        listener.close()
        await listener.wait_closed()


def client_context(directory: TlsDirectory, suite: str | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=directory.authority.certificate)
    if suite:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
    return context


async def said(port: int, context: ssl.SSLContext | None, text: bytes = b"hello\n") -> list[bytes]:
    """What the server answers to a line."""
    async with asyncio.timeout(PATIENCE):
        name = "localhost" if context else None
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        try:
            writer.write(text)
            return [await reader.readline(), await reader.readline()]
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


def refused(reason: str) -> float:
    return float(metrics.CONNECTIONS_REFUSED.labels(reason)._value.get())


async def test_the_first_byte_decides(certified: TlsDirectory, server_contexts: contexts.Contexts) -> None:
    async with listening(lambda: server_contexts.devices) as port:
        assert await said(port, None) == [b"plain nobody\n", b"hello\n"]
        assert await said(port, client_context(certified)) == [b"tls nobody\n", b"hello\n"]


@pytest.mark.parametrize("suite", ["AES128-SHA", "AES256-SHA256", "AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"])
async def test_old_devices_get_the_one_suite_that_they_offer(
    certified: TlsDirectory, server_contexts: contexts.Contexts, suite: str
) -> None:
    async with listening(lambda: server_contexts.devices) as port:
        assert await said(port, client_context(certified, suite)) == [b"tls nobody\n", b"hello\n"]


async def test_static_rsa_is_not_for_https(certified: TlsDirectory, server_contexts: contexts.Contexts) -> None:
    before = refused("handshake")
    async with listening(lambda: server_contexts.https, plain=False) as port:
        with pytest.raises(OSError):  # in the words of one loop or the other
            await said(port, client_context(certified, "AES128-SHA"))
        assert await said(port, client_context(certified)) == [b"tls nobody\n", b"hello\n"]
        await until(lambda: refused("handshake") == before + 1)


async def test_a_device_s_certificate_is_seen(
    certified: TlsDirectory, own: TlsDirectory, server_contexts: contexts.Contexts
) -> None:
    issued = own.issue_device_certificate("a1Product", "lamp", "iot-id", utc_now())
    (own.path / "device.pem").write_text(issued.certificate + issued.key)
    context = client_context(certified)
    context.load_cert_chain(own.path / "device.pem")
    async with listening(lambda: server_contexts.devices) as port:
        assert await said(port, context) == [b"tls lamp\n", b"hello\n"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_of_another_authority_is_refused(
    certified: TlsDirectory, server_contexts: contexts.Contexts, version: ssl.TLSVersion
) -> None:
    context = client_context(certified)
    context.maximum_version = version
    context.load_cert_chain(certified.server.certificate, certified.server.key)
    before = Echo.made
    async with listening(lambda: server_contexts.devices) as port:
        with suppress(OSError):
            assert await said(port, context) == [b"", b""]
    assert Echo.made == before


async def test_plain_connections_can_be_refused(certified: TlsDirectory, server_contexts: contexts.Contexts) -> None:
    before = refused("not_encrypted")
    async with listening(lambda: server_contexts.devices, plain=False) as port:
        with suppress(ConnectionError):
            assert await said(port, None) == [b"", b""]
        assert await said(port, client_context(certified)) == [b"tls nobody\n", b"hello\n"]
    assert refused("not_encrypted") == before + 1


async def test_without_tls_everything_is_plain() -> None:
    async with listening(None) as port:
        assert await said(port, None, b"\x16\x03\n") == [b"plain nobody\n", b"\x16\x03\n"]


@pytest.mark.parametrize("garbage", [b"\x16", b"\x16\x03\x01\x02\x00garbage that is no client hello" * 20])
async def test_what_only_looks_like_tls_is_ended_in_time(server_contexts: contexts.Contexts, garbage: bytes) -> None:
    before = refused("handshake")
    async with listening(lambda: server_contexts.devices, limits=SOON) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(garbage)
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                assert b"plain" not in await reader.read()
        writer.close()
        await until(lambda: refused("handshake") == before + 1)


async def test_a_client_that_speaks_late_loses_nothing(
    certified: TlsDirectory, server_contexts: contexts.Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "TCP_DEFER_ACCEPT")  # as on systems without it: accepted before the first byte
    async with listening(lambda: server_contexts.devices) as port:
        for context in (None, client_context(certified)):
            loop, connection = asyncio.get_running_loop(), socket.socket()
            connection.setblocking(False)  # noqa: FBT003 - the library's signature
            await loop.sock_connect(connection, ("127.0.0.1", port))
            await asyncio.sleep(0.05)
            name = "localhost" if context else None
            reader, writer = await asyncio.open_connection(sock=connection, ssl=context, server_hostname=name)
            writer.write(b"hello\n")
            assert (await reader.readline()).endswith(b" nobody\n")
            assert await reader.readline() == b"hello\n"
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def test_a_silent_client_is_ended_in_time(
    server_contexts: contexts.Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "TCP_DEFER_ACCEPT")
    before = refused("silent")
    async with listening(lambda: server_contexts.devices, limits=SOON) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
        writer.close()
    assert refused("silent") == before + 1


async def test_a_client_that_leaves_without_a_word_is_nothing_to_log(server_contexts: contexts.Contexts) -> None:
    before = refused("closed_by_client")
    async with listening(lambda: server_contexts.devices) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await until(lambda: refused("closed_by_client") == before + 1)


async def test_a_stop_ends_those_that_wait(server_contexts: contexts.Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_DEFER_ACCEPT")
    async with listening(lambda: server_contexts.devices) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.05)
    with suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
    writer.close()
