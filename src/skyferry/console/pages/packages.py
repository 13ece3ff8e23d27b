"""Update packages: the list, and one with its batches, devices, particulars and results."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from skyferry.console import charts, named
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.routing import Pages

pages = Pages()
_DAY_MS: Final = 86_400_000
_DAYS: Final = 30
_HOURS_OF_DAY: Final = 24


@pages.get("/packages")
async def show_list(page: Page) -> web.StreamResponse:
    """The packages of all products, or of one."""
    query = page.query
    answer = await page.call(
        "ListOTAFirmware",
        CurrentPage=query.get("page", "1"),
        PageSize=PAGE_SIZE,
        ProductKey=query.get("product"),
        DestVersion=query.get("version"),
    )
    return page.render(
        "packages/list.html",
        packages=answer["FirmwareInfo"]["SimpleFirmwareInfo"],
        number=answer["CurrentPage"],
        count=answer["PageCount"],
        total=answer["Total"],
        products=await page.products(),
    )


@pages.get("/packages/{firmware_id}")
async def show(page: Page) -> web.StreamResponse:
    """A package, by tabs: the batch ID that CancelOTATaskByDevice needs is on the first one."""
    package = await named.package(page)
    tab = page.query.get("tab", "")
    make = _TABS.get(tab, _batches)
    return page.render(
        f"packages/{tab if tab in _TABS else 'batches'}.html", package=package, tab=tab, **await make(page, package)
    )


async def _batches(page: Page, package: Mapping[str, Any]) -> Mapping[str, Any]:
    answer = await page.call(
        "ListOTAJobs", FirmwareId=package["FirmwareId"], PageSize=PAGE_SIZE, NextToken=page.query.get("after")
    )
    jobs = [(job, {item["Status"]: item["Count"] for item in job["States"]}) for job in answer["Data"]["JobInfo"]]
    return {"jobs": jobs, "token": answer.get("NextToken")}


async def _devices(page: Page, package: Mapping[str, Any]) -> Mapping[str, Any]:
    answer = await page.call(
        "ListOTATaskByFirmware",
        FirmwareId=package["FirmwareId"],
        TaskStatus=page.query.get("state"),
        DeviceName=page.query.get("device", "").strip(),
        PageSize=PAGE_SIZE,
        NextToken=page.query.get("after"),
    )
    return {"tasks": answer["Data"]["SimpleOTATaskInfo"], "token": answer.get("NextToken")}


async def _information(page: Page, package: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG001 - as the others
    return {}


async def _statistics(page: Page, package: Mapping[str, Any]) -> Mapping[str, Any]:
    """Results of the last 30 days."""
    until = page.console.clock.now_ms()
    since = until - _DAYS * _DAY_MS
    answer = await page.call(
        "QueryOTAStatistics", FirmwareId=package["FirmwareId"], StartTime=since, EndTime=until, Interval="DAY"
    )
    results = answer["Data"]
    periods = charts.every_period(results["Periods"], since_ms=since, until_ms=until, hours=_HOURS_OF_DAY)
    labels = [charts.label(item["UtcTime"], hours=_HOURS_OF_DAY) for item in periods]
    ended = results["Succeeded"] + results["Failed"]
    return {
        "results": results,
        "share": results["Succeeded"] / ended if ended else None,
        "days": _DAYS,
        "chart": charts.outcomes(periods, labels),
    }


_TABS: Final[Mapping[str, Callable[[Page, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]]] = {
    "devices": _devices,
    "information": _information,
    "statistics": _statistics,
}
