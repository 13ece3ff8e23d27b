"""Whole updates of realistic devices: notice, download, progress, restart, version."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.api import application
from bench.figures import Figure
from bench.fleet import VERSION, seed
from bench.server import serving
from skyferry.simulator.behaviour import Behaviour
from skyferry.simulator.fleet import Fleet
from skyferry.simulator.tally import Tally

_DEVICES: Final = 300
_ROUNDS: Final = 3
_PACKAGE_BYTES: Final = 1 << 20
_PATIENCE_SECONDS: Final = 60


async def measure(directory: Path) -> list[Figure]:
    """300 simulated devices update one after the other to three versions."""
    [product] = await seed(directory / "data", _DEVICES)
    cpu = []
    async with (
        serving(directory / "data") as server,
        application(server) as app,
        Fleet(product.identities(), *server.mqtt, Behaviour(initial_version=VERSION)) as fleet,
    ):
        url = await app.upload(bytes(_PACKAGE_BYTES))
        await fleet.wait_until(lambda tally: tally.reports >= _DEVICES, _PATIENCE_SECONDS)
        for number in range(_ROUNDS):
            firmware_id = await app.create_package(product.product_key, url, f"2.0.{number}")
            before = server.cpu_seconds()
            job_id = await app.update_all(product.product_key, firmware_id)
            # The fleet tells when it is done, so that the server need not be asked again and again.
            await fleet.wait_until(_updated(_DEVICES * (number + 1)), _PATIENCE_SECONDS)
            await app.wait_for_end(job_id)
            cpu.append((server.cpu_seconds() - before) * 1_000 / _DEVICES)
            assert not fleet.tally.violations, fleet.tally
    note = f"{_DEVICES} simulated devices, {_PACKAGE_BYTES >> 20} MiB each, log-out and log-in included"
    return [Figure("whole update of a device", "CPU ms", cpu, note)]


def _updated(goal: int) -> Callable[[Tally], bool]:
    return lambda tally: tally.updates == goal
