"""Download of a package file of 100 MB, beside the least server that can send a file."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil

from bench.api import application
from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.server import serving
from skyferry.datadir import DataDir
from skyferry.keys import KeyRing
from skyferry.objects.urls import DownloadUrls, object_key_of

_BYTES: Final = 100_000_000
_AT_ONCE: Final = 1 << 20
_DOWNLOADS: Final = 5
_ROUNDS: Final = 5


async def measure(directory: Path) -> list[Figure]:
    """In turn from the server and from a loop around sendfile: five downloads each, five times."""
    data, plain = directory / "data", directory / "plain.bin"
    await seed(data)
    plain.write_bytes(bytes(_BYTES))
    cpu: dict[str, list[float]] = {"server": [], "plain": []}
    wall: dict[str, list[float]] = {"server": [], "plain": []}
    async with serving(data) as server, application(server) as app, _plain_server(plain) as (port, process):
        key = object_key_of(await app.upload(bytes(_BYTES)))
        assert key
        signing = KeyRing.load_or_create(DataDir(data).key).derive("download-urls")
        targets = {
            "server": (
                server.process,
                DownloadUrls(f"http://{server.http}", signing).sign(key, int(time.time()) * 1_000),
            ),
            "plain": (process, f"http://127.0.0.1:{port}/"),
        }
        for _ in range(_ROUNDS):
            for name, (serving_process, url) in targets.items():
                before, began = sum(serving_process.cpu_times()[:2]), time.perf_counter()
                for _ in range(_DOWNLOADS):
                    await asyncio.to_thread(_download, url)
                wall[name].append(time.perf_counter() - began)
                cpu[name].append((sum(serving_process.cpu_times()[:2]) - before) * 1e9 / (_BYTES * _DOWNLOADS))
    return [
        Figure("download", "CPU s/GB", cpu["server"], f"{_BYTES // 1_000_000} MB a file, one client"),
        Figure("download from the plain sendfile server", "CPU s/GB", cpu["plain"]),
        Figure("download CPU, to plain sendfile", "ratio", ratios(cpu["server"], cpu["plain"])),
        Figure("download time, to plain sendfile", "ratio", ratios(wall["server"], wall["plain"])),
    ]


@asynccontextmanager
async def _plain_server(path: Path) -> AsyncIterator[tuple[int, psutil.Process]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sendfile_server", path, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout
        yield int(await process.stdout.readline()), psutil.Process(process.pid)
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
