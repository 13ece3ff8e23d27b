"""Memory of an idle server, and of each device that is only connected."""

import asyncio
from pathlib import Path
from typing import Final

from bench.figures import Figure
from bench.fleet import VERSION, seed
from bench.load import online, report_all
from bench.server import serving

_DEVICES: Final = 2_000
_FIRST: Final = 200
_ROUNDS: Final = 3
_SETTLE_SECONDS: Final = 1


async def measure(directory: Path) -> list[Figure]:
    """A fresh server each time: memory that the server once had would hide what connections take."""
    [product] = await seed(directory / "data", _DEVICES)
    identities = product.identities()
    idle, each = [], []
    for _ in range(_ROUNDS):
        async with serving(directory / "data") as server:
            # The first devices fill caches that all later ones share.
            async with online(server, identities[:_FIRST]) as devices:
                await report_all(devices, VERSION)
            await asyncio.sleep(_SETTLE_SECONDS)
            before = server.resident_bytes()
            async with online(server, identities) as devices:
                await report_all(devices[:1], VERSION)
                await asyncio.sleep(_SETTLE_SECONDS)
                each.append((server.resident_bytes() - before) / 1_024 / _DEVICES)
            idle.append(before / 2**20)
    return [
        Figure("idle server", "MiB", idle, "resident, after the first devices have come and gone"),
        Figure("idle connection", "KiB", each, f"{_DEVICES:,} devices that have logged in"),
    ]
