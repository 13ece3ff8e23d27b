"""An update is given to many devices that poll, until each of them has heard of it."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench import goosebit
from bench.figures import Figure, ratios
from bench.polling import PollingDevice, each
from bench.sides import Side, TheirSide, present, sides

_DEVICES: Final = 1_000
_ROUNDS: Final = 3
_MANY_DEVICES: Final = 10_000
_MANY_ROUNDS: Final = 1
_PER_SECOND: Final = 150
"""Devices that poll in a second: the highest rate of a job, 10,000 a minute, is a little more."""


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices."""
    return await _measure(directory, _DEVICES, _ROUNDS)


async def measure_many(directory: Path) -> list[Figure]:
    """10,000 devices."""
    return await _measure(directory, _MANY_DEVICES, _MANY_ROUNDS)


async def _measure(directory: Path, devices: int, rounds: int) -> list[Figure]:
    """A group of devices for each round; in turn the server and gooseBit give them an update, and they poll."""
    given, heard, their_rollout, their_list, they_heard = [], [], [], [], []
    async with sides(directory, [devices] * rounds) as (own, peer):
        for group in range(rounds):
            for side in present(own, peer):
                await each(side.groups[group], PollingDevice.settle)
                await side.package(group, f"2.0.{group}")
            given.append(await _spent(own, devices, partial(own.assign, group)))
            heard.append(await _spent(own, devices, partial(_hear, own, group)))
            if peer:
                their_rollout.append(await _spent(peer, devices, partial(peer.assign, group)))
                they_heard.append(await _spent(peer, devices, partial(_hear, peer, group)))
                their_list.append(await _spent(peer, devices, partial(_by_list, peer, group)))
    name = f"update given to {devices:,} devices"
    figures = [
        Figure(f"{name}: the call", "CPU ms", given, "for each device; a task for each, stored"),
        Figure(f"{name}: until each has heard", "CPU ms", heard, f"for each device; {_PER_SECOND} poll in a second"),
    ]
    if peer:
        both, by_rollout, by_list = _sums(given, heard), _sums(their_rollout, they_heard), _sums(their_list, they_heard)
        figures += [
            Figure(f"{name}: a rollout of {goosebit.NAME}", "CPU ms", their_rollout, "notes nothing for a device"),
            Figure(f"{name}: a list for {goosebit.NAME}", "CPU ms", their_list, "one call that names all"),
            Figure(f"{name}: until each has heard, {goosebit.NAME}", "CPU ms", they_heard),
            Figure(f"{name}: both, to a rollout of {goosebit.NAME}", "ratio", ratios(both, by_rollout)),
            Figure(f"{name}: both, to a list for {goosebit.NAME}", "ratio", ratios(both, by_list)),
        ]
    return figures


async def _spent(side: Side, devices: int, act: Callable[[], Awaitable[None]]) -> float:
    """CPU milliseconds of something, for each device."""
    before = side.process.cpu_seconds()
    await act()
    return (side.process.cpu_seconds() - before) * 1_000 / devices


async def _hear(side: Side, group: int) -> None:
    """Devices poll until each was told of its update. Who comes before the job's rate allows it comes again."""
    waiting: Sequence[PollingDevice] = side.groups[group]
    while waiting:
        told = await each(waiting, _told, per_second=_PER_SECOND)
        waiting = [device for device in told if device is not None]


async def _told(device: PollingDevice) -> PollingDevice | None:
    """The device when it was not told, so that it polls again."""
    return None if "deploymentBase" in await device.poll() else device


async def _by_list(peer: TheirSide, group: int) -> None:
    names = [device.url.rpartition("/")[2] for device in peer.groups[group]]
    await peer.server.assign(names, peer.packages[group])


def _sums(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [first + second for first, second in zip(one, other, strict=True)]
