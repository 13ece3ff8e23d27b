"""Data analysis: which versions devices run, what updates came to, from which versions they came, why they failed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from skyferry.console import charts
from skyferry.console.languages import translate as _
from skyferry.console.page import ROOT, Page
from skyferry.console.routing import Pages

pages = Pages()
_DAY_MS: Final = 86_400_000
_DAYS: Final = 30
_JOBS: Final = 50
_MOST_BARS: Final = 10
"""Source versions are a chart up to so many, and only a table beyond."""


@pages.get("/analysis")
async def show(page: Page) -> web.StreamResponse:
    """The versions of a product's devices, and the results of its updates or of one batch."""
    products = await page.products()
    product = page.query.get("product") or _first_with_devices(products)
    if product is None:
        return page.render("analysis/nothing.html")
    module = page.query.get("module") or "default"
    job = page.query.get("job")
    answer = await page.call("QueryOTAVersionDistribution", ProductKey=product, ModuleName=module, JobId=job)
    jobs = await page.call_if_allowed("ListOTAJobs", ProductKey=product, PageSize=_JOBS)
    versions = answer["Data"]
    return page.render(
        "analysis/show.html",
        products=products,
        product=product,
        module=module,
        modules=_modules(versions["Modules"], module),
        versions=versions,
        versions_chart=charts.bars(_with_others(versions)),
        version_links=[_devices_with(product, module, item["Version"]) for item in versions["Versions"]],
        jobs=jobs["Data"]["JobInfo"] if jobs else (),
        job=job,
        sources_chart=_sources_chart(versions["SourceVersions"]),
        **await _results(page, product, job),
    )


def _first_with_devices(products: Sequence[Mapping[str, Any]]) -> str | None:
    """The newest product with devices; the newest one when none has any."""
    found = [*(item for item in products if item["DeviceCount"]), *products]
    return found[0]["ProductKey"] if found else None


def _modules(reported: Sequence[Mapping[str, Any]], chosen: str) -> Sequence[str]:
    return list(dict.fromkeys([*(item["ModuleName"] for item in reported), chosen]))


def _with_others(versions: Mapping[str, Any]) -> Sequence[tuple[str, int]]:
    top = [(item["Version"], item["Count"]) for item in versions["Versions"]]
    return [*top, (_("Others"), versions["Others"])] if versions["Others"] else top


def _sources_chart(found: Sequence[Mapping[str, Any]]) -> charts.Options | None:
    if not 0 < len(found) <= _MOST_BARS:
        return None
    return charts.bars([(item["Version"], item["Count"]) for item in found])


def _devices_with(product: str, module: str, version: str) -> str:
    """The page with the devices that run a version."""
    where = f'ota_module.name = "{module}" AND ota_module.version = "{version}"'
    return f"{ROOT}/devices?{urlencode({'product': product, 'where': where})}"


async def _results(page: Page, product: str, job: str | None) -> Mapping[str, Any]:
    """Successes and failures of the last days, or of one batch since its beginning, with what is neither."""
    until = page.console.clock.now_ms()
    statistics = await page.call_if_allowed(
        "QueryOTAStatistics",
        ProductKey=product,
        JobId=job,
        StartTime=until - _DAYS * _DAY_MS,
        EndTime=until,
        Interval="DAY",
    )
    if statistics is None:
        return {"results": None, "causes": (), "days": _DAYS}
    found = statistics["Data"]
    succeeded, failed, others = found["Succeeded"], found["Failed"], 0
    if job is not None:
        states = (await page.call("QueryOTAJobProgress", JobId=job))["Data"]["States"]
        counts = {item["Status"]: item["Count"] for item in states}
        succeeded, failed = counts.pop("SUCCEEDED", 0), counts.pop("FAILED", 0)
        others = sum(counts.values())
    parts = [
        (_("Succeeded"), succeeded, "var(--good)"),
        (_("Failed"), failed, "var(--bad)"),
        (_("Others"), others, "var(--still)"),
    ]
    shown = [part for part in parts if part[1]]
    return {
        "results": parts if job is not None else parts[:2],
        "results_chart": charts.donut(shown) if shown else None,
        "results_total": succeeded + failed + others,
        "causes": found["Causes"],
        "days": _DAYS,
    }
