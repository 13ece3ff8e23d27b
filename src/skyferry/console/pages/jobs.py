"""Batches: one with its devices."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.routing import Pages

pages = Pages()


@pages.get("/jobs/{job_id}")
async def show(page: Page) -> web.StreamResponse:
    """A batch: how far it is, and its devices by state."""
    job_id = page.name("job_id")
    job = await page.call("QueryOTAJob", JobId=job_id)
    tasks = await page.call(
        "ListOTATaskByJob",
        JobId=job_id,
        CurrentPage=page.query.get("page", "1"),
        PageSize=PAGE_SIZE,
        TaskStatus=page.query.get("state"),
    )
    return page.render(
        "jobs/show.html",
        job=job["Data"],
        live=job["Data"]["JobStatus"] in {"PLANNED", "IN_PROGRESS"},
        tasks=tasks["Data"]["SimpleOTATaskInfo"],
        number=tasks["CurrentPage"],
        count=tasks["PageCount"],
        total=tasks["Total"],
        **await _progress(page, job_id),
    )


@pages.get("/jobs/{job_id}/progress")
async def show_progress(page: Page) -> web.StreamResponse:
    """The part of the page that changes while the batch runs."""
    return page.render("jobs/progress.html", **await _progress(page, page.name("job_id")))


async def _progress(page: Page, job_id: str) -> Mapping[str, Any]:
    progress = (await page.call("QueryOTAJobProgress", JobId=job_id))["Data"]
    return {"progress": progress, "counts": {item["Status"]: item["Count"] for item in progress["States"]}}
