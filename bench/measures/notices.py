"""Upgrade notices to devices that are online, at the highest rate that the API allows."""

import asyncio
import time
from pathlib import Path
from typing import Final

from bench import mosquitto
from bench.api import Application, application
from bench.figures import Figure, ratios
from bench.fleet import VERSION, Product, seed
from bench.load import online, report_all
from bench.mosquitto import brokering
from bench.processes import MqttProcess
from bench.server import Server, serving
from skyferry.devices import topics
from skyferry.devices.mqtt.packets import Publish

_DEVICES: Final = 2_000
_ROUNDS: Final = 2
_MANY_DEVICES: Final = 10_000
_MANY_ROUNDS: Final = 1
_PER_MINUTE: Final = 10_000
_PATIENCE_SECONDS: Final = 180


async def measure(directory: Path) -> list[Figure]:
    """2,000 devices."""
    return await _measure(directory, _DEVICES, _ROUNDS)


async def measure_many(directory: Path) -> list[Figure]:
    """10,000 devices."""
    return await _measure(directory, _MANY_DEVICES, _MANY_ROUNDS)


async def _measure(directory: Path, devices: int, rounds: int) -> list[Figure]:
    """Devices are online and listen; from the call that creates the job to the last notice, then by Mosquitto."""
    products = await seed(directory / "data", *[devices] * rounds)
    allowed = devices * 60 / _PER_MINUTE
    cpu, wall, theirs = [], [], []
    async with serving(directory / "data") as server, application(server) as app, brokering(directory) as broker:
        url = await app.upload(b"firmware")
        for product in products:
            heard = _Heard(devices)
            spent, took = await _by_server(server, app, product, url, heard)
            cpu.append(spent * 1_000 / devices)
            wall.append(took / allowed)
            if broker:
                theirs.append(await _by_broker(broker, product, heard.payload) * 1_000)
    note = f"{devices:,} devices online, {_PER_MINUTE:,} notices a minute; with the job and its tasks"
    figures = [
        Figure("upgrade notice", "CPU ms", cpu, note),
        Figure("time to the last notice, to what the rate allows", "ratio", wall, f"the rate allows {allowed:.0f} s"),
    ]
    if theirs:
        figures += [
            Figure(f"the same message, {mosquitto.NAME}", "CPU ms", theirs, "from a client that knows whom to tell"),
            Figure(f"notice to message of {mosquitto.NAME}", "ratio", ratios(cpu, theirs)),
        ]
    return figures


async def _by_server(
    server: Server, app: Application, product: Product, url: str, heard: "_Heard"
) -> tuple[float, float]:
    """The CPU seconds of a job's notices, and how long they took."""
    firmware_id = await app.create_package(product.product_key, url, "2.0.0")
    async with online(server, product.identities(), heard.push) as devices:
        await report_all(devices, VERSION)
        before, began = server.cpu_seconds(), time.perf_counter()
        await app.update_all(product.product_key, firmware_id)
        await asyncio.wait_for(heard.all.wait(), _PATIENCE_SECONDS)
        return server.cpu_seconds() - before, time.perf_counter() - began


async def _by_broker(broker: MqttProcess, product: Product, payload: bytes) -> float:
    """The CPU seconds of a message, of which each device has one, with the acknowledgements on both sides."""
    sender, *identities = product.identities()
    heard = _Heard(len(identities))
    async with online(broker, [sender]) as [publisher], online(broker, identities, heard.push) as devices:
        wanted = [identity.topic(topics.UPGRADE) for identity in identities]
        await asyncio.gather(*(device.subscribe(topic) for device, topic in zip(devices, wanted, strict=True)))
        before = broker.cpu_seconds()
        await asyncio.gather(*(publisher.publish(topic, payload) for topic in wanted))
        await asyncio.wait_for(heard.all.wait(), _PATIENCE_SECONDS)
        return (broker.cpu_seconds() - before) / len(identities)


class _Heard:
    def __init__(self, wanted: int) -> None:
        self.all = asyncio.Event()
        self.payload = b""
        self._missing = wanted

    def push(self, packet: Publish) -> None:
        self.payload = packet.payload
        self._missing -= 1
        if not self._missing:
            self.all.set()
