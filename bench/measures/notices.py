"""Upgrade notices to devices that are online, at the highest rate that the API allows."""

import asyncio
import time
from pathlib import Path
from typing import Final

from bench.api import application
from bench.figures import Figure
from bench.fleet import VERSION, seed
from bench.load import online, report_all
from bench.server import serving
from skyferry.devices.mqtt.packets import Publish

_DEVICES: Final = 2_000
_ROUNDS: Final = 2
_PER_MINUTE: Final = 10_000
_PATIENCE_SECONDS: Final = 60


async def measure(directory: Path) -> list[Figure]:
    """2,000 devices are online and listen; from the call that creates the job to the last notice."""
    products = await seed(directory / "data", *[_DEVICES] * _ROUNDS)
    cpu, wall = [], []
    allowed = _DEVICES * 60 / _PER_MINUTE
    async with serving(directory / "data") as server, application(server) as app:
        url = await app.upload(b"firmware")
        for product in products:
            heard = _Heard(_DEVICES)
            firmware_id = await app.create_package(product.product_key, url, "2.0.0")
            async with online(server, product.identities(), heard.push) as devices:
                await report_all(devices, VERSION)
                before, began = server.cpu_seconds(), time.perf_counter()
                await app.update_all(product.product_key, firmware_id)
                await asyncio.wait_for(heard.all.wait(), _PATIENCE_SECONDS)
                wall.append((time.perf_counter() - began) / allowed)
                cpu.append((server.cpu_seconds() - before) * 1_000 / _DEVICES)
    return [
        Figure("upgrade notice", "CPU ms", cpu, f"{_DEVICES:,} devices online, {_PER_MINUTE:,} notices a minute"),
        Figure("time to the last notice, to what the rate allows", "ratio", wall, f"the rate allows {allowed:.0f} s"),
    ]


class _Heard:
    def __init__(self, wanted: int) -> None:
        self.all = asyncio.Event()
        self._missing = wanted

    def push(self, _packet: Publish) -> None:
        self._missing -= 1
        if not self._missing:
            self.all.set()
