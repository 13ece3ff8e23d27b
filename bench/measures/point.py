"""Points of the capacity model that can be run: devices come, report and go, beside what the model predicts."""

import asyncio
import time
from pathlib import Path
from typing import Final

from bench.capacity import Costs
from bench.figures import Figure
from bench.fleet import seed
from bench.load import online, report_all
from bench.processes import MqttProcess
from bench.server import serving
from skyferry.simulator.identity import DeviceIdentity

_DEVICES: Final = 1_000
_PER_SECOND: Final = (50, 200)
_REPORTS_EACH: Final = 2
_ROUNDS: Final = 3


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices, of which some come in a second; each reports twice and goes when all have come."""
    [product] = await seed(directory / "data", _DEVICES)
    figures = []
    async with serving(directory / "data") as server:
        for rate in _PER_SECOND:
            measured, expected = [], []
            for number in range(_ROUNDS):
                before, began = server.cpu_seconds(), time.perf_counter()
                come = (
                    _come(server, identity, place / rate, _DEVICES / rate, f"{rate}.{number}")
                    for place, identity in enumerate(product.identities())
                )
                await asyncio.gather(*come)
                measured.append(server.cpu_seconds() - before)
                expected.append(_expected(time.perf_counter() - began))
            name = f"{_DEVICES:,} devices come, {rate} in a second, report twice and go"
            ratio = [one / other for one, other in zip(measured, expected, strict=True)]
            figures += [
                Figure(name, "CPU s", measured),
                Figure(f"{name}: by the capacity model", "CPU s", expected),
                Figure(f"{name}: measured, to the model", "ratio", ratio),
            ]
    return figures


def _expected(seconds: float) -> float:
    """CPU seconds by the model."""
    costs = Costs()
    each_ms = costs.alone * (costs.login_ms + _REPORTS_EACH * costs.report_ms)
    return (_DEVICES * each_ms + seconds * costs.idle_ms) / 1_000


async def _come(server: MqttProcess, identity: DeviceIdentity, after: float, until: float, version: str) -> None:
    await asyncio.sleep(after)
    async with online(server, [identity]) as devices:
        for step in range(_REPORTS_EACH):
            await report_all(devices, f"{version}.{step}")
        await asyncio.sleep(until - after)
