"""Each page of the console on a server with 1,000,000 devices and 1,000,000 tasks, as a browser asks for it.

`BENCH_CONSOLE_DEVICES` says how many devices and tasks there are instead.
"""

import os
import re
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp

from bench.figures import Figure
from bench.large import Large, fill
from bench.server import PASSWORD, Server, serving

_SIZE: Final = int(os.environ.get("BENCH_CONSOLE_DEVICES", "1000000"))
_WARM: Final = 2
_TIMES: Final = 7
_TOKEN: Final = re.compile(r'name="form_token" value="([^"]+)"')


async def measure(directory: Path) -> list[Figure]:
    """Page after page, each several times in a row; the cheapest one is what the others are compared with."""
    data = directory / "data"
    began = time.perf_counter()
    large = await fill(data, _SIZE, _SIZE)
    seeded = Figure(f"{_SIZE:,} devices and tasks written", "s", [time.perf_counter() - began], "part of no figure")
    async with serving(data) as server:
        return [seeded, *await measure_pages(server, large)]


async def measure_pages(server: Server, large: Large) -> list[Figure]:
    """Each page of a server that has been filled."""
    async with aiohttp.ClientSession(f"http://{server.http}", cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        await _sign_in(session)
        times = {name: await _time(session, path) for name, path in pages(large).items()}
    cheapest = min(statistics.median(found) for found in times.values())
    return [
        Figure(f"page {name}", "ms", found, f"{statistics.median(found) / cheapest:.1f} times the cheapest page")
        for name, found in times.items()
    ]


def pages(large: Large) -> Mapping[str, str]:
    """The pages by their names."""
    product, package, job = f"/products/{large.product_key}", f"/packages/{large.firmware_id}", f"/jobs/{large.job_id}"
    device = f"/devices/{large.product_key}/device-0"
    of_product = f"?product={large.product_key}"
    return {
        "overview": "/",
        "overview, month": "/?period=month",
        "overview, running": "/overview/running",
        "products": "/products",
        "product": product,
        "product settings": f"{product}/settings",
        "product delete": f"{product}/delete",
        "modules": f"{product}/modules",
        "devices": "/devices",
        "devices of a product": f"/devices{of_product}",
        "devices by state": f"/devices{of_product}&state=ONLINE",
        "devices by name": f"/devices{of_product}&name=device-77",
        "devices by version": f"/devices{of_product}&where=ota_module.version+%3D+%221.2.5%22",
        "devices by unknown version": f"/devices{of_product}&where=ota_module.version+%3D+%229.9.9%22",
        "device": device,
        "device, live": f"{device}/live",
        "task": f"{device}/tasks/{large.task_id}",
        "device, delete": f"{device}/delete",
        "groups": "/groups",
        "group": f"/groups/static/{large.group_id}",
        "packages": "/packages",
        "package, batches": package,
        "package, devices": f"{package}?tab=devices",
        "package, information": f"{package}?tab=information",
        "package, statistics": f"{package}?tab=statistics",
        "package, delete": f"{package}/delete",
        "batch wizard": f"{package}/update",
        "batch wizard, versions": f"{package}/versions",
        "verify": f"{package}/verify",
        "batch": job,
        "batch, failed": f"{job}?state=FAILED",
        "batch, queued": f"{job}?state=QUEUED",
        "batch, page 100": f"{job}?page=100",
        "batch, progress": f"{job}/progress",
        "batch, information": f"{job}?tab=information",
        "batch, cancel": f"{job}/cancel",
        "batch, edit": f"{job}/edit",
        "batch of 500": f"/jobs/{large.small_job_id}",
        "analysis": "/analysis",
        "analysis of a product": f"/analysis{of_product}",
        "audit": "/audit",
        "access": "/access",
        "own account": "/me",
    }


async def _sign_in(session: aiohttp.ClientSession) -> None:
    async with session.get("/console/sign-in") as response:
        token = _TOKEN.search(await response.text())
    form = {"login": "root", "password": PASSWORD, "form_token": token[1] if token else ""}
    async with session.post("/console/sign-in", data=form) as response:
        response.raise_for_status()


async def _time(session: aiohttp.ClientSession, path: str) -> list[float]:
    """Milliseconds from the request to the last byte."""
    found = []
    for _ in range(_WARM + _TIMES):
        began = time.perf_counter()
        async with session.get(f"/console{path}") as response:
            await response.read()
            response.raise_for_status()
        found.append((time.perf_counter() - began) * 1_000)
    return found[_WARM:]
