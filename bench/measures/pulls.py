"""Requests for a package over MQTT (`/thing/ota/firmware/get`): each is answered that there is nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.figures import Figure
from bench.fleet import VERSION, seed
from bench.load import LoadDevice, online, report_all
from bench.server import serving
from skyferry.devices.mqtt.packets import Publish
from skyferry.devices.topics import FIRMWARE_GET, FIRMWARE_GET_REPLY

_DEVICES: Final = 1_000
_PULLS_EACH: Final = 10
_ROUNDS: Final = 4
_PATIENCE_SECONDS: Final = 60
_PULL: Final = b'{"id":"1","version":"1.0","params":{},"method":"thing.ota.firmware.get"}'


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices ask, one question in flight each, until each has its answer."""
    [product] = await seed(directory / "data", _DEVICES)
    identities = product.identities()
    answers = _Answers()
    found = []
    async with (
        serving(directory / "data") as server,
        online(server, identities, on_push=answers.came) as devices,
    ):
        await asyncio.gather(
            *(device.subscribe(who.topic(FIRMWARE_GET_REPLY)) for device, who in zip(devices, identities, strict=True))
        )
        await report_all(devices, VERSION)
        asked = [who.topic(FIRMWARE_GET) for who in identities]
        for _ in range(_ROUNDS):
            before = server.cpu_seconds()
            for _ in range(_PULLS_EACH):
                await _pull(devices, asked, answers)
            found.append((server.cpu_seconds() - before) * 1_000 / (_DEVICES * _PULLS_EACH))
    note = f"{_DEVICES:,} devices with one question in flight each, and there is nothing for them"
    return [Figure("request for a package over MQTT", "CPU ms", found, note)]


class _Answers:
    """Counts answers."""

    def __init__(self) -> None:
        self._missing = 0
        self._complete = asyncio.Event()

    def expect(self, number: int) -> None:
        """So many are to come."""
        self._missing = number
        self._complete.clear()

    async def wait(self) -> None:
        """Returns when they have come."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._complete.wait()

    def came(self, _packet: Publish) -> None:
        """One came."""
        self._missing -= 1
        if not self._missing:
            self._complete.set()


async def _pull(devices: Sequence[LoadDevice], topics: Sequence[str], answers: _Answers) -> None:
    """Every device asks one time; returns when each has its answer."""
    answers.expect(len(devices))
    await asyncio.gather(*(device.publish(topic, _PULL) for device, topic in zip(devices, topics, strict=True)))
    await answers.wait()
