"""What dynamic jobs cost a version report: none in the way, jobs that do not match, a job that matches."""

from pathlib import Path
from typing import Final

from bench.api import Application, application
from bench.figures import Figure, ratios
from bench.fleet import Product, seed
from bench.load import LoadDevice, online, report_all
from bench.server import Server, serving

_DEVICES: Final = 1_000
_REPORTS_EACH: Final = 5
_ROUNDS: Final = 4
_JOBS: Final = 10
_RELEASED: Final = "9.0.0"


async def measure(directory: Path) -> list[Figure]:
    """1,000 devices of each of three products report, in turn: without jobs, with ten that do not match, and one."""
    data = directory / "data"
    plain, missed, matched = await seed(data, _DEVICES, _DEVICES, _DEVICES)
    spent: dict[str, list[float]] = {product.product_key: [] for product in (plain, missed, matched)}
    async with serving(data) as server, application(server) as app:
        url = await app.upload(b"firmware")
        for number in range(_JOBS):
            await _dynamic(app, missed, url, f"8.0.{number}", "0.0.1")
        async with (
            online(server, plain.identities()) as first,
            online(server, missed.identities()) as second,
            online(server, matched.identities()) as third,
        ):
            for number in range(_ROUNDS):
                await _dynamic(app, matched, url, f"{_RELEASED}-{number}", f"1.{number}")
                for product, devices in ((plain, first), (missed, second), (matched, third)):
                    spent[product.product_key].append(await _report(server, devices, number))
    none, ten, one = (spent[product.product_key] for product in (plain, missed, matched))
    note = f"{_DEVICES * _REPORTS_EACH:,} reports a round, QoS 1"
    return [
        Figure("version report", "CPU ms", none, note),
        Figure(f"with {_JOBS} dynamic jobs that do not match, to none", "ratio", ratios(ten, none)),
        Figure(
            "with a dynamic job that matches, to none",
            "ratio",
            ratios(one, none),
            f"one report of {_REPORTS_EACH} makes a task, which is pushed",
        ),
    ]


async def _report(server: Server, devices: list[LoadDevice], number: int) -> float:
    """CPU milliseconds of the server for a report, when each device makes five."""
    before = server.cpu_seconds()
    for step in range(_REPORTS_EACH):
        await report_all(devices, f"1.{number}" if step == 0 else f"2.{number}.{step}")
    return (server.cpu_seconds() - before) * 1_000 / (_DEVICES * _REPORTS_EACH)


async def _dynamic(app: Application, product: Product, url: str, version: str, source: str) -> None:
    firmware_id = await app.create_package(product.product_key, url, version)
    await app.call(
        "CreateOTADynamicUpgradeJob",
        FirmwareId=firmware_id,
        ProductKey=product.product_key,
        SrcVersion=[source],
        OverwriteMode=2,
        MaximumPerMinute=10_000,
    )
