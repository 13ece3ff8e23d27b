"""Downloads over MQTT, block by block, beside the same downloads by URL."""

import time
from pathlib import Path
from typing import Final

from bench.api import application
from bench.figures import Figure, ratios
from bench.fleet import VERSION, seed
from bench.server import serving
from skyferry.simulator.behaviour import Behaviour
from skyferry.simulator.fleet import Fleet

_DEVICES: Final = 20
_ROUNDS: Final = 3
_PACKAGE_BYTES: Final = 2 << 20
_PATIENCE_SECONDS: Final = 60
_WAYS: Final = ("MQTT", "HTTPS")


async def measure(directory: Path) -> list[Figure]:
    """20 simulated devices update six times, in turn over MQTT and by URL."""
    [product] = await seed(directory / "data", _DEVICES)
    cpu: dict[str, list[float]] = {way: [] for way in _WAYS}
    rate: dict[str, list[float]] = {way: [] for way in _WAYS}
    gigabytes = _PACKAGE_BYTES * _DEVICES / 1e9
    async with (
        serving(directory / "data") as server,
        application(server) as app,
        Fleet(product.identities(), *server.mqtt, Behaviour(initial_version=VERSION)) as fleet,
    ):
        url = await app.upload(bytes(_PACKAGE_BYTES))
        await fleet.wait_until(lambda tally: tally.reports >= _DEVICES, _PATIENCE_SECONDS)
        for number in range(_ROUNDS * len(_WAYS)):
            way = _WAYS[number % len(_WAYS)]
            firmware_id = await app.create_package(product.product_key, url, f"2.0.{number}")
            before, began = server.cpu_seconds(), time.perf_counter()
            job_id = await app.update_all(product.product_key, firmware_id, way)
            done = _DEVICES * (number + 1)
            await fleet.wait_until(lambda tally, done=done: tally.downloads >= done, _PATIENCE_SECONDS)  # type: ignore[misc] # the default binds the value
            rate[way].append(gigabytes * 1_000 / (time.perf_counter() - began))
            cpu[way].append((server.cpu_seconds() - before) / gigabytes)
            await app.wait_for_end(job_id)
            assert not fleet.tally.violations, fleet.tally
    note = f"{_DEVICES} simulated devices, {_PACKAGE_BYTES >> 20} MiB each, blocks of 10 KB; updates included"
    return [
        Figure("download over MQTT", "CPU s/GB", cpu["MQTT"], note),
        Figure("the same by URL", "CPU s/GB", cpu["HTTPS"]),
        Figure("download over MQTT, to the same by URL", "ratio", ratios(cpu["MQTT"], cpu["HTTPS"])),
        Figure("download over MQTT", "MB/s", rate["MQTT"], "with the devices on the same machine"),
        Figure("the same by URL", "MB/s", rate["HTTPS"]),
    ]
