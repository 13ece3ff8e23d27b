"""Version reports at QoS 1: each acknowledged once it is stored."""

from pathlib import Path
from typing import Final

from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.load import online, report_all
from bench.server import serving

_DEVICES: Final = 1_000
_REPORTS_EACH: Final = 10
_ROUNDS: Final = 4


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices report, one message in flight each; in turn a new version each time and the known one."""
    [product] = await seed(directory / "data", _DEVICES)
    found: dict[bool, list[float]] = {True: [], False: []}
    async with serving(directory / "data") as server, online(server, product.identities()) as devices:
        version = "warm-up"
        await report_all(devices, version)
        for number in range(_ROUNDS):
            for changed in (True, False):
                before = server.cpu_seconds()
                for step in range(_REPORTS_EACH):
                    version = f"2.{number}.{step}" if changed else version
                    await report_all(devices, version)
                found[changed].append(_DEVICES * _REPORTS_EACH / (server.cpu_seconds() - before))
    note = f"QoS 1, {_DEVICES:,} devices with one report in flight each"
    return [
        Figure("version reports, changed", "1/CPU s", found[True], note),
        Figure("version reports, unchanged", "1/CPU s", found[False], note),
        Figure("unchanged to changed reports", "ratio", ratios(found[False], found[True])),
    ]
