"""Download of a package file of 100 MB, beside nginx and beside the least server that can send a file."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from bench import nginx
from bench.api import application
from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.processes import HOST, LoadedProcess
from bench.server import Server, serving
from skyferry.datadir import DataDir
from skyferry.keys import KeyRing
from skyferry.objects.urls import DownloadUrls, object_key_of

_BYTES: Final = 100_000_000
_AT_ONCE: Final = 1 << 20
_DOWNLOADS: Final = 5
_ROUNDS: Final = 7
_OURS: Final = "the server"
_LEAST: Final = "a loop around sendfile"


@dataclass(slots=True)
class _Source:
    """Someone who sends the file, and what was measured of it."""

    process: LoadedProcess
    url: str
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


async def measure(directory: Path) -> list[Figure]:
    """In turn from each of them: five downloads, seven times."""
    data, plain = directory / "data", directory / "root" / "plain.bin"
    await seed(data)
    plain.parent.mkdir(mode=0o755)
    plain.write_bytes(bytes(_BYTES))
    async with AsyncExitStack() as stack:
        sources = {_OURS: await _ours(await stack.enter_async_context(serving(data)))}
        if peer := await stack.enter_async_context(nginx.sending(directory, plain.parent)):
            sources[nginx.NAME] = _Source(peer[1], f"{peer[0]}/{plain.name}")
        sources[_LEAST] = await stack.enter_async_context(_least(plain))
        for _ in range(_ROUNDS):
            for source in sources.values():
                await _measure(source)
    return _figures(sources)


async def _measure(source: _Source) -> None:
    before, began = source.process.cpu_seconds(), time.perf_counter()
    for _ in range(_DOWNLOADS):
        await asyncio.to_thread(_download, source.url)
    source.wall.append(time.perf_counter() - began)
    source.cpu.append((source.process.cpu_seconds() - before) * 1e9 / (_BYTES * _DOWNLOADS))


def _figures(sources: Mapping[str, _Source]) -> list[Figure]:
    ours = sources[_OURS]
    note = f"{_BYTES // 1_000_000} MB a file, one client"
    figures = [Figure(f"download from {name}", "CPU s/GB", source.cpu, note) for name, source in sources.items()]
    for name, source in sources.items():
        if source is not ours:
            figures += [
                Figure(f"bytes per CPU second, to {name}", "ratio", ratios(source.cpu, ours.cpu)),
                Figure(f"bytes per second, to {name}", "ratio", ratios(source.wall, ours.wall)),
            ]
    return figures


async def _ours(server: Server) -> _Source:
    async with application(server) as app:
        key = object_key_of(await app.upload(bytes(_BYTES)))
    assert key
    signing = KeyRing.load_or_create(DataDir(server.data).key).derive("download-urls")
    return _Source(server, DownloadUrls(f"http://{server.http}", signing).sign(key, int(time.time()) * 1_000))


@asynccontextmanager
async def _least(path: Path) -> AsyncIterator[_Source]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sendfile_server", path, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        port = int(await process.stdout.readline())
        yield _Source(LoadedProcess(process=psutil.Process(process.pid)), f"http://{HOST}:{port}/")
    finally:
        process.kill()
        await process.wait()


def _download(url: str) -> None:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    request = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    buffer = bytearray(_AT_ONCE)
    received = 0
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(request.encode())
        while count := connection.recv_into(buffer):
            received += count
    assert received > _BYTES, f"{received} bytes came: {buffer[:200]!r}"
