"""Memory of an idle server, and of each device that is only connected."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import mosquitto
from bench.figures import Figure, ratios
from bench.fleet import VERSION, seed
from bench.load import online, report_all
from bench.mosquitto import brokering
from bench.processes import MqttProcess, allow_connections
from bench.server import serving
from skyferry.simulator.identity import DeviceIdentity

_DEVICES: Final = 2_000
_ROUNDS: Final = 3
_MANY_DEVICES: Final = 20_000
_MANY_ROUNDS: Final = 2
_FIRST: Final = 200
_SETTLE_SECONDS: Final = 1


async def measure(directory: Path) -> list[Figure]:
    """2,000 connections."""
    return await _measure(directory, _DEVICES, _ROUNDS)


async def measure_many(directory: Path) -> list[Figure]:
    """20,000 connections, or as many as the system lets one process have."""
    return await _measure(directory, allow_connections(_MANY_DEVICES), _MANY_ROUNDS)


async def _measure(directory: Path, devices: int, rounds: int) -> list[Figure]:
    """A fresh server each time: memory that the server once had would hide what connections take."""
    [product] = await seed(directory / "data", devices)
    identities = product.identities()
    idle, ours, theirs = [], [], []
    for _ in range(rounds):
        async with serving(directory / "data") as server:
            before, each = await _connect(server, identities)
            idle.append(before / 2**20)
            ours.append(each)
        async with brokering(directory) as broker:
            if broker:
                theirs.append((await _connect(broker, identities))[1])
    figures = [
        Figure("idle server", "MiB", idle, "resident, after the first devices have come and gone"),
        Figure("idle connection", "KiB", ours, f"{devices:,} devices that have logged in"),
    ]
    if theirs:
        figures += [
            Figure(f"idle connection, {mosquitto.NAME}", "KiB", theirs, "the same clients"),
            Figure(f"idle connection to one of {mosquitto.NAME}", "ratio", ratios(ours, theirs)),
        ]
    return figures


async def _connect(server: MqttProcess, identities: Sequence[DeviceIdentity]) -> tuple[int, float]:
    """The bytes before all devices are connected, and the KiB that each of them adds."""
    # The first devices fill caches that all later ones share.
    async with online(server, identities[:_FIRST]) as devices:
        await report_all(devices, VERSION)
    await asyncio.sleep(_SETTLE_SECONDS)
    before = server.resident_bytes()
    async with online(server, identities) as devices:
        await report_all(devices[:1], VERSION)
        await asyncio.sleep(_SETTLE_SECONDS)
        return before, (server.resident_bytes() - before) / 1_024 / len(identities)
