"""A job for 10,000 devices, from the call to the last task."""

import time
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.api import application
from bench.bare import BareDatabase, copy_database
from bench.figures import Figure, ratios
from bench.fleet import seed
from bench.server import serving
from skyferry.datadir import DataDir

_DEVICES: Final = 10_000
_ROUNDS: Final = 5


async def measure(directory: Path) -> list[Figure]:
    """Five products in turn: the job through the API, then the same tasks by one INSERT … SELECT on a copy."""
    data = directory / "data"
    products = await seed(data, *[_DEVICES] * _ROUNDS)
    server_seconds, cpu_seconds, bare_seconds = [], [], []
    async with serving(data) as server, application(server) as app:
        url = await app.upload(b"firmware")
        for number, product in enumerate(products):
            firmware_id = await app.create_package(product.product_key, url, "2.0.0")
            before, began = server.cpu_seconds(), time.perf_counter()
            job_id = await app.update_all(product.product_key, firmware_id)
            await app.wait_for_tasks(job_id, _DEVICES)
            server_seconds.append(time.perf_counter() - began)
            cpu_seconds.append((server.cpu_seconds() - before) * 1_000_000 / _DEVICES)
            copied = directory / f"copy-{number}.db"
            copy_database(DataDir(data).database, copied)
            bare_seconds.append(_insert_again(BareDatabase(copied), product.product_key, firmware_id, job_id))
            copied.unlink()
    return [
        Figure(f"job for {_DEVICES:,} devices", "s", server_seconds, "from the call until all tasks exist"),
        Figure(f"job for {_DEVICES:,} devices: a task", "CPU µs", cpu_seconds),
        Figure(
            f"job for {_DEVICES:,} devices, to the bare database",
            "ratio",
            ratios(server_seconds, bare_seconds),
            "over one INSERT … SELECT of the same tasks",
        ),
    ]


def _insert_again(bare: BareDatabase, product_key: str, firmware_id: str, job_id: str) -> float:
    """Makes the tasks of a job anew, in a database that has them already; tells the seconds."""
    with closing(bare):
        job = bare.key_of("jobs", "job_id", job_id)
        product = bare.key_of("products", "product_key", product_key)
        package = bare.key_of("packages", "firmware_id", firmware_id)
        bare.forget_tasks(job)
        return bare.insert_tasks(product, package, job, _DEVICES)
