"""Check-ins over hawkBit's device API: a device asks whether there is something for it, and there is nothing."""

from pathlib import Path
from typing import Final

from bench import goosebit
from bench.figures import Figure, ratios
from bench.polling import PollingDevice, each
from bench.sides import Side, present, sides

_DEVICES: Final = 300
_ROUNDS: Final = 5


async def measure(directory: Path) -> list[Figure]:
    """300 devices ask one time each, 16 at once; in turn the server and gooseBit."""
    ours, theirs = [], []
    async with sides(directory, [_DEVICES]) as (own, peer):
        for side in present(own, peer):
            await each(side.groups[0], PollingDevice.settle)  # the first visit of a device is more than a check-in
        for _ in range(_ROUNDS):
            ours.append(await _check_in(own))
            if peer:
                theirs.append(await _check_in(peer))
    figures = [Figure("check-in", "CPU ms", ours, f"{_DEVICES:,} devices with a token, 16 at once")]
    if theirs:
        figures += [
            Figure(f"check-in, {goosebit.NAME}", "CPU ms", theirs, "writes a row for each"),
            Figure(f"check-in, to one of {goosebit.NAME}", "ratio", ratios(ours, theirs)),
        ]
    return figures


async def _check_in(side: Side) -> float:
    """CPU milliseconds of one."""
    before = side.process.cpu_seconds()
    links = await each(side.groups[0], PollingDevice.poll)
    assert not any("deploymentBase" in found for found in links), "there is nothing for them"
    return (side.process.cpu_seconds() - before) * 1_000 / len(links)
