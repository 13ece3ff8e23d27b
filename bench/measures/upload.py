"""Upload of a package file of 100 MB through the vendor's form."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from bench.api import application
from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.server import serving
from skyferry.objects.digests import Digests

_BLOCK: Final = bytes(1 << 20)
_BLOCKS: Final = 95
_BYTES: Final = len(_BLOCK) * _BLOCKS
_ROUNDS: Final = 5


async def measure(directory: Path) -> list[Figure]:
    """Five files in turn with the digests alone, which no server that stores them can do without."""
    await seed(directory / "data")
    cpu, digests = [], []
    async with serving(directory / "data") as server, application(server) as app:
        idle = server.peak_bytes()
        for _ in range(_ROUNDS):
            before = server.cpu_seconds()
            await app.upload(_content())
            cpu.append((server.cpu_seconds() - before) * 1e9 / _BYTES)
            digests.append(await asyncio.to_thread(_digest) * 1e9 / _BYTES)
        peak = server.peak_bytes()
    return [
        Figure("upload", "CPU s/GB", cpu, f"{_BYTES // 1_000_000} MB a file, one after the other"),
        Figure("MD5, SHA-256 and CRC-64 alone", "CPU s/GB", digests),
        Figure("upload CPU, to the digests alone", "ratio", ratios(cpu, digests)),
        Figure("peak memory of uploads", "MiB", [peak / 2**20], f"{(peak - idle) / 2**20:.1f} above the idle server"),
    ]


async def _content() -> AsyncIterator[bytes]:
    for _ in range(_BLOCKS):
        yield _BLOCK


def _digest() -> float:
    before = time.thread_time()
    digests = Digests()
    for _ in range(_BLOCKS):
        digests.update(_BLOCK)
    return time.thread_time() - before
