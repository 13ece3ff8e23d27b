"""Batches: one with its devices, and everything that it was told."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from skyferry.console import export, named
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.pages.task_control import CHANGES
from skyferry.console.routing import Pages

pages = Pages()
_LIVE: Final = frozenset({"PLANNED", "IN_PROGRESS"})
_EXPORTED_AT_ONCE: Final = 100
_MOST_EXPORTED: Final = 100_000
"""ListOTATaskByJob goes no deeper."""
_LOOK_BACK_MS: Final = 30 * 86_400_000
_COLUMNS: Final = ("DeviceName", "SrcVersion", "DestVersion", "TaskStatus", "Progress", "TaskDesc", "UtcModified")


@pages.get("/jobs/{job_id}")
async def show(page: Page) -> web.StreamResponse:
    """A batch: how far it is, and its devices by state; the devices as a file with `?format=csv`."""
    job = await named.job(page)
    if page.query.get("format") == "csv":
        return await export.stream(page, job["JobId"], _COLUMNS, _exported(page, job["JobId"]))
    context = {"job": job, "live": job["JobStatus"] in _LIVE, "beside": False, **await _progress(page, job["JobId"])}
    if page.query.get("tab") == "information":
        held_back = (await page.call("QueryOTARollout", JobId=job["JobId"]))["Data"]
        return page.render("jobs/information.html", held_back=held_back, **context)
    tasks = await _tasks(page, job["JobId"], page.query.get("page", "1"), PAGE_SIZE)
    return page.render(
        "jobs/show.html",
        tasks=tasks["Data"]["SimpleOTATaskInfo"],
        number=tasks["CurrentPage"],
        count=tasks["PageCount"],
        total=tasks["Total"],
        can_select=any(page.can(change.action) for change in CHANGES.values()),
        results=await _results(page, job),
        **context,
    )


async def _results(page: Page, job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Why devices of the batch failed, in the last 30 days; None as long as none has."""
    until = page.console.clock.now_ms()
    answer = await page.call_if_allowed(
        "QueryOTAStatistics", JobId=job["JobId"], StartTime=until - _LOOK_BACK_MS, EndTime=until, Interval="DAY"
    )
    found: Mapping[str, Any] | None = answer["Data"] if answer else None
    return found


@pages.get("/jobs/{job_id}/progress")
async def show_progress(page: Page) -> web.StreamResponse:
    """The part of the page that changes while the batch runs, with the numbers of the tabs that are shown beside it."""
    beside = page.query.get("tab") == "devices"
    return page.render("jobs/live.html", beside=beside, **await _progress(page, page.name("job_id")))


async def _progress(page: Page, job_id: str) -> Mapping[str, Any]:
    progress = (await page.call("QueryOTAJobProgress", JobId=job_id))["Data"]
    return {"progress": progress, "counts": {item["Status"]: item["Count"] for item in progress["States"]}}


async def _tasks(page: Page, job_id: str, number: str | int, size: int) -> Mapping[str, Any]:
    """A page of the batch's tasks in the state that is asked for, or those of one device."""
    name = page.query.get("device", "").strip()
    return await page.call(
        "ListOTATaskByJob",
        JobId=job_id,
        CurrentPage=number,
        PageSize=size,
        TaskStatus=page.query.get("state"),
        DeviceNames=[name] if name else (),
    )


async def _exported(page: Page, job_id: str) -> AsyncIterator[Sequence[Sequence[str]]]:
    number, count = 1, 1
    while number <= min(count, _MOST_EXPORTED // _EXPORTED_AT_ONCE):
        answer = await _tasks(page, job_id, number, _EXPORTED_AT_ONCE)
        yield [[str(task[name]) for name in _COLUMNS] for task in answer["Data"]["SimpleOTATaskInfo"]]
        number, count = number + 1, answer["PageCount"]
