"""Log-ins: signature checked, device marked online, that stored."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import mosquitto
from bench.carriers import Carrier
from bench.figures import Figure, ratios
from bench.fleet import VERSION, seed
from bench.load import online, report_all
from bench.mosquitto import brokering
from bench.processes import MqttProcess
from bench.server import serving
from skyferry.simulator.identity import DeviceIdentity

_DEVICES: Final = 2_000
_ROUNDS: Final = 5


async def measure(directory: Path) -> list[Figure]:
    """2,000 devices log in again and again, 200 at a time; in turn to the server and to Mosquitto."""
    [product] = await seed(directory / "data", _DEVICES + 1)
    identities = product.identities()
    ours, theirs = [], []
    async with serving(directory / "data") as server, brokering(directory) as broker:
        for _ in range(_ROUNDS):
            ours.append(await storm(server, identities))
            if broker:
                theirs.append(await storm(broker, identities))
    note = f"{_DEVICES:,} devices; CONNECT to stored presence"
    figures = [Figure("log-ins", "1/CPU s", ours, note)]
    if theirs:
        note = "lets in whoever comes, checks no signature, stores nothing"
        figures += [
            Figure(f"log-ins, {mosquitto.NAME}", "1/CPU s", theirs, note),
            Figure(f"log-ins to those of {mosquitto.NAME}", "ratio", ratios(ours, theirs)),
        ]
    return figures


async def storm(server: MqttProcess, identities: Sequence[DeviceIdentity], *, below: Carrier | None = None) -> float:
    """Log-ins per CPU second. The stored report of the first device says that all that came before it is stored too."""
    witness, *others = identities
    async with online(server, [witness]) as witnesses:
        await report_all(witnesses, VERSION)
        before = server.cpu_seconds()
        async with online(server, others, below=below):
            await report_all(witnesses, VERSION)
            spent = server.cpu_seconds() - before
        await report_all(witnesses, VERSION)
    return len(others) / spent
