"""CancelOTATaskByDevice with 200 names, in a job of 1,000 tasks and in one of 100,000."""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from bench.api import Application, application
from bench.bare import BareDatabase, copy_database
from bench.figures import Figure, quantile, ratios
from bench.fleet import Product, seed
from bench.server import Server, serving
from skyferry.datadir import DataDir

_NAMES: Final = 200
_SIZES: Final = (1_000, 100_000)
_CALLS: Final = 100


@dataclass(slots=True)
class _Case:
    """A server with a job for all devices of a product, its database and a copy of that; and what was measured."""

    server: Server
    app: Application
    product: Product
    firmware_id: str
    job_id: str
    own: BareDatabase
    copy: BareDatabase
    api_seconds: list[float] = field(default_factory=list)
    bare_seconds: list[float] = field(default_factory=list)
    cpu_seconds: float = 0.0


async def measure(directory: Path) -> list[Figure]:
    """In turn: few tasks, many tasks, each through the API and on the bare database."""
    dice = Random(1)
    async with AsyncExitStack() as stack:
        cases = [await _prepare(stack, directory / str(size), size) for size in _SIZES]
        for _ in range(_CALLS):
            for case in cases:
                await _cancel(case, dice.sample(case.product.names, _NAMES))
    few, many = cases
    return [
        *_figures(few),
        *_figures(many),
        Figure(
            f"cancel {_NAMES}: {_SIZES[1]:,} tasks to {_SIZES[0]:,}",
            "ratio",
            ratios(many.api_seconds, few.api_seconds),
            "call by call; 1 means that the size does not matter",
        ),
    ]


async def _prepare(stack: AsyncExitStack, data: Path, size: int) -> _Case:
    [product] = await seed(data, size)
    server = await stack.enter_async_context(serving(data))
    app = await stack.enter_async_context(application(server))
    firmware_id = await app.create_package(product.product_key, await app.upload(b"firmware"), "2.0.0")
    job_id = await app.update_all(product.product_key, firmware_id)
    await app.wait_for_tasks(job_id, size)
    database, copied = DataDir(data).database, data.parent / f"{data.name}-copy.db"
    copy_database(database, copied)
    own, copy = BareDatabase(database), BareDatabase(copied)
    stack.callback(own.close)
    stack.callback(copy.close)
    return _Case(server, app, product, firmware_id, job_id, own, copy)


async def _cancel(case: _Case, names: list[str]) -> None:
    before, began = case.server.cpu_seconds(), time.perf_counter()
    await case.app.call(
        "CancelOTATaskByDevice",
        ProductKey=case.product.product_key,
        FirmwareId=case.firmware_id,
        JobId=case.job_id,
        DeviceName=names,
    )
    case.api_seconds.append(time.perf_counter() - began)
    case.cpu_seconds += case.server.cpu_seconds() - before
    package_id = case.copy.key_of("packages", "firmware_id", case.firmware_id)
    product_id = case.copy.key_of("products", "product_key", case.product.product_key)
    case.bare_seconds.append(case.copy.cancel(product_id, package_id, names))
    case.own.requeue()
    case.copy.requeue()


def _figures(case: _Case) -> list[Figure]:
    name = f"cancel {_NAMES} of {len(case.product.names):,}"
    milliseconds = [seconds * 1_000 for seconds in case.api_seconds]
    return [
        Figure(name, "ms", milliseconds, f"{_CALLS} calls; p99 {quantile(milliseconds, 0.99):.1f} ms"),
        Figure(f"{name}: server", "CPU ms", [case.cpu_seconds * 1_000 / _CALLS], "mean of all calls"),
        Figure(
            f"{name}, to the bare database",
            "ratio",
            ratios(case.api_seconds, case.bare_seconds),
            "the call over one UPDATE of the same rows",
        ),
        Figure(
            f"{name}, to the bare database, p99",
            "ratio",
            [quantile(case.api_seconds, 0.99) / quantile(case.bare_seconds, 0.99)],
        ),
    ]
