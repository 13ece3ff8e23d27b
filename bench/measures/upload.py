"""Upload of a package file of 100 MB, through the vendor's form and to gooseBit, and the memory of that."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Final

from bench import goosebit
from bench.api import application
from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.goosebit import peering
from bench.images import image_blocks
from bench.processes import LoadedProcess
from bench.server import serving
from skyferry.objects.digests import Digests

_MEGABYTES: Final = 95
_BYTES: Final = _MEGABYTES << 20
_ROUNDS: Final = 5


async def measure(directory: Path) -> list[Figure]:
    """Five files in turn with the digests alone, which no server that stores them can do without, and with gooseBit."""
    await seed(directory / "data")
    cpu, digests, theirs = [], [], []
    async with serving(directory / "data") as server, application(server) as app, peering(directory) as peer:
        idle, their_idle = server.forget_peak(), peer.forget_peak() if peer else 0
        for number in range(_ROUNDS):
            cpu.append(await _spent(server, app.upload, number))
            digests.append(await asyncio.to_thread(_digest, number) * 1e9 / _BYTES)
            if peer:
                theirs.append(await _spent(peer, peer.upload, number))
        used = (server.peak_bytes() - idle) / 2**20
        figures = [
            Figure("upload", "CPU s/GB", cpu, f"{_BYTES // 1_000_000} MB a file, one after the other"),
            Figure("MD5, SHA-256 and CRC-64 alone", "CPU s/GB", digests),
            Figure("upload CPU, to the digests alone", "ratio", ratios(cpu, digests)),
            Figure("memory of uploads", "MiB", [used], "the most, above the idle server"),
        ]
        if peer:
            their_use = (peer.peak_bytes() - their_idle) / 2**20
            figures += [
                Figure(f"upload, {goosebit.NAME}", "CPU s/GB", theirs, "SHA-1 only"),
                Figure(f"upload CPU, to {goosebit.NAME}", "ratio", ratios(cpu, theirs)),
                Figure(f"memory of uploads, {goosebit.NAME}", "MiB", [their_use], "the most, above the idle server"),
            ]
    return figures


async def _spent(
    process: LoadedProcess, upload: Callable[[AsyncIterator[bytes]], Awaitable[object]], number: int
) -> float:
    """CPU seconds of the upload of a GB."""
    before = process.cpu_seconds()
    await upload(_content(number))
    return (process.cpu_seconds() - before) * 1e9 / _BYTES


async def _content(number: int) -> AsyncIterator[bytes]:
    for block in image_blocks(f"2.0.{number}", _MEGABYTES):
        yield block


def _digest(number: int) -> float:
    before = time.thread_time()
    digests = Digests()
    for block in image_blocks(f"2.0.{number}", _MEGABYTES):
        digests.update(block)
    return time.thread_time() - before
