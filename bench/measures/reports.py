"""Version reports at QoS 1: each acknowledged once it is stored."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from bench import mosquitto
from bench.figures import Figure, ratios
from bench.fleet import VERSION, seed
from bench.load import LoadDevice, online, report_all
from bench.mosquitto import brokering
from bench.processes import MqttProcess
from bench.server import serving

_DEVICES: Final = 1_000
_REPORTS_EACH: Final = 10
_ROUNDS: Final = 4


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices report, one message in flight each; in turn a new version, the known one, and to Mosquitto."""
    [product] = await seed(directory / "data", _DEVICES)
    identities = product.identities()
    changed, unchanged, theirs = [], [], []
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serving(directory / "data"))
        devices = await stack.enter_async_context(online(server, identities))
        broker = await stack.enter_async_context(brokering(directory))
        clients = await stack.enter_async_context(online(broker, identities)) if broker else []
        await report_all(devices, "warm-up")
        for number in range(_ROUNDS):
            versions = [f"2.{number}.{step}" for step in range(_REPORTS_EACH)]
            changed.append(await _report(server, devices, versions))
            unchanged.append(await _report(server, devices, versions[-1:] * _REPORTS_EACH))
            if broker:
                theirs.append(await _report(broker, clients, [VERSION] * _REPORTS_EACH))
    note = f"QoS 1, {_DEVICES:,} devices with one report in flight each"
    figures = [
        Figure("version reports, changed", "1/CPU s", changed, note),
        Figure("version reports, unchanged", "1/CPU s", unchanged, note),
        Figure("unchanged to changed reports", "ratio", ratios(unchanged, changed)),
    ]
    if theirs:
        figures += [
            Figure(f"the same messages, {mosquitto.NAME}", "1/CPU s", theirs, "reads no JSON, stores nothing"),
            Figure(f"changed reports to messages of {mosquitto.NAME}", "ratio", ratios(changed, theirs)),
        ]
    return figures


async def _report(server: MqttProcess, devices: Sequence[LoadDevice], versions: Sequence[str]) -> float:
    """Reports per CPU second."""
    before = server.cpu_seconds()
    for version in versions:
        await report_all(devices, version)
    return len(devices) * len(versions) / (server.cpu_seconds() - before)
