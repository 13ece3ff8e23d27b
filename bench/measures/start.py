"""Start-up: from the start of the process to its ready line."""

from pathlib import Path
from typing import Final

from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.server import serving

_DEVICES: Final = 100_000
_ROUNDS: Final = 3


async def measure(directory: Path) -> list[Figure]:
    """In turn an empty server and one with 100,000 devices."""
    empty, full = directory / "empty", directory / "full"
    await seed(empty)
    await seed(full, _DEVICES)
    seconds: dict[Path, list[float]] = {empty: [], full: []}
    for _ in range(_ROUNDS):
        for data, samples in seconds.items():
            async with serving(data) as server:
                samples.append(server.start_seconds)
    return [
        Figure("start of an empty server", "s", seconds[empty]),
        Figure(f"start with {_DEVICES:,} devices", "s", seconds[full]),
        Figure(f"start with {_DEVICES:,} devices, to an empty one", "ratio", ratios(seconds[full], seconds[empty])),
    ]
