"""Whole updates over hawkBit's device API: poll, description, download, feedback, the poll after it."""

from pathlib import Path
from typing import Final

from bench import goosebit
from bench.figures import Figure, ratios
from bench.polling import PollingDevice, each
from bench.sides import Side, sides

_DEVICES: Final = 100
_ROUNDS: Final = 3
_MEGABYTES: Final = 1
_PER_SECOND: Final = 100


async def measure(directory: Path) -> list[Figure]:
    """100 devices for each round; in turn by the server and by gooseBit."""
    ours, theirs = [], []
    async with sides(directory, [_DEVICES] * _ROUNDS) as (own, peer):
        for group in range(_ROUNDS):
            ours.append(await _update(own, group))
            if peer:
                theirs.append(await _update(peer, group))
    figures = [
        Figure("polled update", "CPU ms", ours, f"of a device, {_MEGABYTES} MiB, with its share of the assignment")
    ]
    if theirs:
        figures += [
            Figure(f"polled update, {goosebit.NAME}", "CPU ms", theirs),
            Figure(f"polled update, to one of {goosebit.NAME}", "ratio", ratios(ours, theirs)),
        ]
    return figures


async def _update(side: Side, group: int) -> float:
    """CPU milliseconds of one."""
    await each(side.groups[group], PollingDevice.settle)
    await side.package(group, f"2.0.{group}", _MEGABYTES)
    before = side.process.cpu_seconds()
    await side.assign(group)
    await each(side.groups[group], PollingDevice.update, per_second=_PER_SECOND)
    return (side.process.cpu_seconds() - before) * 1_000 / _DEVICES
