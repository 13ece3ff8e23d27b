"""Log-ins: signature checked, device marked online, that stored."""

from pathlib import Path
from typing import Final

from bench.figures import Figure
from bench.fleet import VERSION, seed
from bench.load import online, report_all
from bench.server import serving

_DEVICES: Final = 2_000
_ROUNDS: Final = 5


async def measure(directory: Path) -> list[Figure]:
    """2,000 devices log in again and again, 200 at a time."""
    [product] = await seed(directory / "data", _DEVICES + 1)
    witness, *identities = product.identities()
    per_second = []
    async with serving(directory / "data") as server, online(server, [witness]) as witnesses:
        for _ in range(_ROUNDS):
            # The stored report says that the log-outs of the round before are stored too, and the log-ins of this one.
            await report_all(witnesses, VERSION)
            before = server.cpu_seconds()
            async with online(server, identities):
                await report_all(witnesses, VERSION)
                per_second.append(_DEVICES / (server.cpu_seconds() - before))
    note = f"{_DEVICES:,} devices; CONNECT to stored presence"
    return [Figure("log-ins", "1/CPU s", per_second, note)]
