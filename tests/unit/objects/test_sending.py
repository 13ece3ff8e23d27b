"""Sending files to clients that are slow, gone or encrypted; on both event loops, since uvloop has no sendfile."""

import asyncio
import contextlib
import datetime as dt
import os
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from skyferry.objects.limits import ObjectLimits
from tests.support import databases
from tests.unit.objects.serving import ObjectServer, serving

CONTENT = os.urandom(24 << 20)
"""Larger than the buffers of a connection on 127.0.0.1, so that the server has to wait for the client."""

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run_on_loop(scenario: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(scenario)

    return run_on_loop


async def connected(server: ObjectServer, target: str) -> socket.socket:
    """A client that has asked for the file and taken nothing yet, with a small buffer.

    Args:
        server: where to.
        target: path and query of the URL, or the key of an object.
    """
    loop = asyncio.get_running_loop()
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.settimeout(0)
    await loop.sock_connect(client, ("127.0.0.1", server.port))
    if not target.startswith("/"):
        target = server.urls.sign(target, server.clock.now).removeprefix(server.urls.base_url)
    await loop.sock_sendall(client, f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return client


async def received(client: socket.socket, most: int | None = None) -> bytes:
    loop = asyncio.get_running_loop()
    answer = bytearray()
    while most is None or len(answer) < most:
        piece = await loop.sock_recv(client, 1 << 18)
        if not piece:
            break
        answer += piece
    return bytes(answer)


def open_files() -> int:
    """Sockets and objects that this process has open; not the sockets that lead to PostgreSQL."""
    kinds = ("socket:",) if databases.chosen() == "sqlite" else ()
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            target = str(link.readlink())
            found += target.startswith(kinds) or "/objects/ota/" in target
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(0.01)


def test_slow_client_gets_every_byte(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as server:
            key = await server.put(CONTENT)
            with await connected(server, key) as client:
                await asyncio.sleep(0.05)
                assert (await received(client)).endswith(b"\r\n\r\n" + CONTENT)

    run(scenario())


def test_many_clients_at_once(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as server:
            key = await server.put(CONTENT[: 3 << 20])
            clients = [await connected(server, key) for _ in range(8)]
            answers = await asyncio.gather(*(received(client) for client in clients))
            assert all(answer.endswith(b"\r\n\r\n" + CONTENT[: 3 << 20]) for answer in answers)
            for client in clients:
                client.close()

    run(scenario())


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
def test_client_that_goes_away_costs_nothing(reset: bool, run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as server:
            key = await server.put(CONTENT)
            before = open_files()
            clients = [await connected(server, key) for _ in range(5)]
            for client in clients:
                await received(client, 1_000)
            assert open_files() > before
            for client in clients:
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            await until(lambda: open_files() <= before)

    run(scenario())


async def blob(server: ObjectServer, key: str) -> str:
    return next(name for name in server.files() if name.startswith(key))


def test_client_that_takes_nothing_is_given_up(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, limits=ObjectLimits(stall_seconds=0.2)) as server:
            key = await server.put(CONTENT)
            before = open_files()
            with await connected(server, key) as client:
                await received(client, 1)
                await until(lambda: open_files() <= before + 1)
                assert len(await received(client)) < len(CONTENT)

    run(scenario())


def test_file_that_shrinks_ends_the_connection(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as server:
            key = await server.put(CONTENT)
            with await connected(server, key) as client:
                await received(client, 1_000)
                os.truncate(server.directory / await blob(server, key), 1_000)
                try:
                    rest = await received(client)
                except ConnectionResetError:
                    rest = b""
                assert len(rest) < len(CONTENT) - 1_000

    run(scenario())


def certificate(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "files.test")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = directory / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(file)
    return server, client


def test_encrypted_connection(run: Run, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with serving(tmp_path, ssl=certificate(tmp_path)) as server:
            key = await server.put(CONTENT[: 5 << 20])
            whole = await server.get(key)
            assert (whole.status, whole.body) == (200, CONTENT[: 5 << 20])
            part = await server.get(key, headers={"Range": "bytes=1048570-3000000"})
            assert (part.status, part.body) == (206, CONTENT[1_048_570:3_000_001])

    run(scenario())
