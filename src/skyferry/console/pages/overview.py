"""The first page: what is going out, what fails and why, and how many devices are there."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from skyferry.console import charts, simulator
from skyferry.console.page import Page
from skyferry.console.routing import Pages

pages = Pages()
_HOUR_MS: Final = 3_600_000
_PERIODS: Final[Mapping[str, tuple[int, int]]] = {"day": (24, 1), "week": (7 * 24, 24), "month": (30 * 24, 24)}
"""Hours of each period, and hours of each bar in it."""
_RUNNING: Final = 50
_LATEST: Final = 10


@pages.get("/")
async def show(page: Page) -> web.StreamResponse:
    """The overview; on a server without batches the way to the first one."""
    latest = await page.call_if_allowed("ListOTAJobs", PageSize=_LATEST)
    devices = await page.call_if_allowed("QueryDeviceStatistics")
    listed = latest["Data"]["JobInfo"] if latest else []
    first_steps = await _first_steps(page, devices) if latest and not listed else None
    return page.render(
        "overview/show.html",
        ended=[(job, counts_of(job)) for job in listed if job["JobStatus"] != "IN_PROGRESS"],
        devices=devices["Data"] if devices else None,
        first_steps=first_steps,
        **await _outcomes(page),
        **await _running(page),
    )


@pages.get("/overview/running")
async def show_running(page: Page) -> web.StreamResponse:
    """The part of the page that changes while batches run."""
    return page.render("overview/running.html", **await _running(page))


async def _running(page: Page) -> Mapping[str, Any]:
    answer = await page.call_if_allowed("ListOTAJobs", JobStatus="IN_PROGRESS", PageSize=_RUNNING)
    jobs = [(job, counts_of(job)) for job in answer["Data"]["JobInfo"]] if answer else []
    jobs.sort(key=lambda item: failing_first(item[1]))
    return {"running": jobs, "more": answer is not None and answer.get("NextToken") is not None}


def counts_of(job: Mapping[str, Any]) -> Mapping[str, int]:
    """How many tasks of a listed job are in each state."""
    return {item["Status"]: item["Count"] for item in job["States"]}


def failing_first(counts: Mapping[str, int]) -> tuple[float, int]:
    """The order of jobs: those with the largest share of failures among what has ended come first, then large ones."""
    failed = counts.get("FAILED", 0)
    ended = failed + counts.get("SUCCEEDED", 0)
    return (-failed / ended if ended else 0.0, -sum(counts.values()))


async def _outcomes(page: Page) -> Mapping[str, Any]:
    period = page.query.get("period", "day")
    length, hours = _PERIODS.get(period, _PERIODS["day"])
    until = page.console.clock.now_ms()
    since = until - length * _HOUR_MS
    answer = await page.call_if_allowed(
        "QueryOTAStatistics", StartTime=since, EndTime=until, Interval="HOUR" if hours == 1 else "DAY"
    )
    if answer is None:
        return {"outcomes": None, "chart": None, "periods": (), "period": period}
    periods = charts.every_period(answer["Data"]["Periods"], since_ms=since, until_ms=until, hours=hours)
    labels = [charts.label(item["UtcTime"], hours=hours) for item in periods]
    return {
        "outcomes": answer["Data"],
        "chart": charts.outcomes(periods, labels),
        "periods": [
            (name, item) for name, item in zip(labels, periods, strict=True) if item["Succeeded"] or item["Failed"]
        ],
        "period": period if period in _PERIODS else "day",
    }


async def _first_steps(page: Page, devices: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """What is there already of what a first update takes."""
    products = await page.products()
    packages = await page.call_if_allowed("ListOTAFirmware", CurrentPage=1, PageSize=1)
    newest = [*(item for item in products if item["DeviceCount"]), *products]
    product = newest[0]["ProductKey"] if newest else None
    device = await _first_device(page, product) if devices and devices["Data"]["deviceCount"] else None
    package: Sequence[Mapping[str, Any]] = packages["FirmwareInfo"]["SimpleFirmwareInfo"] if packages else ()
    return {
        "product": product,
        "device": device,
        "package": package[0]["FirmwareId"] if package else None,
        "shell": simulator.shell_lines(page, device) if device else (),
    }


async def _first_device(page: Page, product: str | None) -> Mapping[str, Any] | None:
    answer = (
        await page.call_if_allowed("QueryDevice", ProductKey=product, PageSize=1, CurrentPage=1) if product else None
    )
    found: Sequence[Mapping[str, Any]] = answer["Data"]["DeviceInfo"] if answer else ()
    return found[0] if found else None
