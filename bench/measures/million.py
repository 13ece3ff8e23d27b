"""A fleet of a million: the job, its tasks, pages of them, cancelling some, and reports that dynamic jobs look at.

The same is done with a product of 10,000 devices on the same server, so that what grows with the fleet shows as a
ratio. `--database postgresql://…` measures on an empty PostgreSQL database instead of SQLite.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any, Final

from bench.api import Application, application
from bench.bare import BareDatabase, cancel_on_postgresql
from bench.figures import Figure, quantile, ratios
from bench.fleet import Product, seed
from bench.server import Server, serving
from skyferry.datadir import DataDir

_SIZES: Final = (10_000, 1_000_000)
_NAMES: Final = 200
_CALLS: Final = 40
_DEEPEST_PAGE: Final = 1_000


async def measure(directory: Path) -> list[Figure]:
    """Few devices and many, in turn."""
    data, database = directory / "data", os.environ.get("BENCH_DATABASE")
    began = time.perf_counter()
    few, many = await seed(data, *_SIZES, database=database)
    seeded = Figure(f"{sum(_SIZES):,} devices written", "s", [time.perf_counter() - began], "not part of any figure")
    async with serving(data, database=database) as server, application(server) as app:
        url = await app.upload(b"firmware")
        jobs = {}
        # The start hashes a password, which takes 64 MiB for a moment.
        figures = [seeded, Figure("memory of the server before", "MB", [server.forget_peak() / 1e6])]
        for product in (few, many):
            firmware_id = await app.create_package(product.product_key, url, "2.0.0")
            job_id, found = await _create(server, app, product, firmware_id)
            jobs[product.product_key] = (firmware_id, job_id)
            figures += found
        figures += await _compare("first page", lambda product: _page(app, jobs[product.product_key][1], 1), few, many)
        figures += await _compare(
            "first page of a state", lambda product: _page(app, jobs[product.product_key][1], 1, "QUEUED"), few, many
        )
        deepest = [len(product.names) // 100 for product in (few, many)]
        figures += await _compare(
            f"page {deepest[0]}, page {min(deepest[1], _DEEPEST_PAGE)}",
            lambda product: _page(app, jobs[product.product_key][1], min(len(product.names) // 100, _DEEPEST_PAGE)),
            few,
            many,
        )
        dice = Random(1)
        lists = {
            product.product_key: _lists(dice.sample(product.names, min(len(product.names), 2 * _CALLS * _NAMES)))
            for product in (few, many)
        }
        figures += await _compare(
            f"cancel {_NAMES}",
            lambda product: _cancel(app, product, jobs[product.product_key], lists[product.product_key].pop()),
            few,
            many,
        )
        firmware_id, _ = jobs[many.product_key]
        bare = await _bare(database or data, many.product_key, firmware_id, lists[many.product_key])
        return [*figures, *_beside(figures, bare)]


async def _create(server: Server, app: Application, product: Product, firmware_id: str) -> tuple[str, list[Figure]]:
    """A job for all devices: the call, what others wait for meanwhile, all tasks, and memory."""
    size = len(product.names)
    cpu, began = server.cpu_seconds(), time.perf_counter()
    job_id = await app.update_all(product.product_key, firmware_id)
    created = time.perf_counter() - began
    others: list[float] = []
    while True:
        asked = time.perf_counter()
        answer = await app.call("QueryOTAJobProgress", JobId=job_id)
        others.append((time.perf_counter() - asked) * 1_000)
        if answer["Data"]["Total"] >= size:
            break
        await asyncio.sleep(0.1)
    seconds = time.perf_counter() - began
    name = f"job for {size:,} devices"
    return job_id, [
        Figure(f"{name}: the call", "s", [created]),
        Figure(f"{name}: until all tasks exist", "s", [seconds]),
        Figure(f"{name}: a task", "CPU µs", [(server.cpu_seconds() - cpu) * 1_000_000 / size]),
        Figure(f"{name}: QueryOTAJobProgress meanwhile", "ms", others, f"p99 {quantile(others, 0.99):.0f} ms"),
        Figure(f"{name}: peak memory of the server so far", "MB", [server.peak_bytes() / 1e6]),
    ]


async def _compare(name: str, run: Callable[[Product], Awaitable[object]], few: Product, many: Product) -> list[Figure]:
    """One call on each product in turn, again and again."""
    seconds: dict[str, list[float]] = {few.product_key: [], many.product_key: []}
    for _ in range(_CALLS):
        for product in (few, many):
            began = time.perf_counter()
            await run(product)
            seconds[product.product_key].append((time.perf_counter() - began) * 1_000)
    of_few, of_many = seconds[few.product_key], seconds[many.product_key]
    return [
        Figure(f"{name}, {_SIZES[0]:,} tasks", "ms", of_few, f"p99 {quantile(of_few, 0.99):.1f} ms"),
        Figure(f"{name}, {_SIZES[1]:,} tasks", "ms", of_many, f"p99 {quantile(of_many, 0.99):.1f} ms"),
        Figure(f"{name}: many tasks to few", "ratio", ratios(of_many, of_few)),
    ]


def _lists(names: list[str]) -> list[list[str]]:
    return [names[first : first + _NAMES] for first in range(0, len(names), _NAMES)]


async def _bare(place: str | Path, product_key: str, firmware_id: str, lists: Sequence[Sequence[str]]) -> list[float]:
    """The same on the same database, without a server before it; in milliseconds."""
    if isinstance(place, str):
        seconds = await cancel_on_postgresql(place, product_key, firmware_id, lists)
    else:
        database = BareDatabase(DataDir(place).database)
        product_id = database.key_of("products", "product_key", product_key)
        package_id = database.key_of("packages", "firmware_id", firmware_id)
        seconds = [database.cancel(product_id, package_id, names) for names in lists]
        database.close()
    return [second * 1_000 for second in seconds]


def _beside(figures: Sequence[Figure], bare: Sequence[float]) -> list[Figure]:
    name = f"cancel {_NAMES}, {_SIZES[1]:,} tasks"
    [own] = [figure.samples for figure in figures if figure.name == name]
    return [
        Figure(f"{name}: the bare database", "ms", bare, f"p99 {quantile(bare, 0.99):.1f} ms"),
        Figure(f"{name}: to the bare database, medians", "ratio", [quantile(own, 0.5) / quantile(bare, 0.5)]),
        Figure(f"{name}: to the bare database, p99", "ratio", [quantile(own, 0.99) / quantile(bare, 0.99)]),
    ]


async def _page(app: Application, job_id: str, number: int, state: str | None = None) -> dict[str, Any]:
    status = {"TaskStatus": state} if state else {}
    return await app.call("ListOTATaskByJob", JobId=job_id, CurrentPage=number, PageSize=100, **status)


async def _cancel(app: Application, product: Product, job: tuple[str, str], names: list[str]) -> None:
    firmware_id, job_id = job
    await app.call(
        "CancelOTATaskByDevice",
        ProductKey=product.product_key,
        FirmwareId=firmware_id,
        JobId=job_id,
        DeviceName=names,
    )
