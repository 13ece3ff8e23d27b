"""Steering batches: pausing, resuming, cancelling."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from skyferry.console import reading
from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_PLANNED: Final = "PLANNED"
_CANCELED: Final = "CANCELED"
_DYNAMIC: Final = "DYNAMIC"
_FLAGS: Final[Mapping[str, str]] = {
    "CancelUnconfirmedTask": "CONFIRM",
    "CancelQueuedTask": "QUEUED",
    "CancelNotifiedTask": "NOTIFIED",
    "CancelInProgressTask": "IN_PROGRESS",
}
"""What CancelOTATaskByJob can be told of a batch that has begun, and the state whose tasks each flag means."""
_FIRST: Final = dict.fromkeys(("policy", "CancelScheduledTask", *_FLAGS), "true") | {"CancelInProgressTask": ""}
"""What is ticked at first: all but updates that devices have begun."""


@pages.post("/jobs/{job_id}/pause")
async def pause(page: Page) -> web.StreamResponse:
    """Lets the batch push nothing until it is resumed."""
    job_id = page.name("job_id")
    await page.call("PauseOTAJob", JobId=job_id, Reason=page.form.get("reason", "").strip())
    return page.redirect(f"/jobs/{job_id}", _("The batch is paused. Updates that devices have begun run on."))


@pages.post("/jobs/{job_id}/resume")
async def resume(page: Page) -> web.StreamResponse:
    """Lets the batch go on."""
    job_id = page.name("job_id")
    await page.call("ResumeOTAJob", JobId=job_id)
    return page.redirect(f"/jobs/{job_id}", _("The batch goes on."))


@pages.get("/jobs/{job_id}/cancel", needs=["CancelOTATaskByJob", "CancelOTAStrategyByJob"])
async def show_cancel(page: Page) -> web.StreamResponse:
    """What of the batch can be cancelled, and how many tasks each choice hits."""
    return await _cancel_page(page)


@pages.post("/jobs/{job_id}/cancel")
async def cancel(page: Page) -> web.StreamResponse:
    """Cancels what was ticked: the policy of a dynamic batch first, so that no more tasks come."""
    job_id, form = page.name("job_id"), page.form
    flags = {name: True for name in ("CancelScheduledTask", *_FLAGS) if reading.is_set(form, name)}
    policy = reading.is_set(form, "policy")
    if not flags and not policy:
        return await _cancel_page(page, Problem(_("Nothing is ticked: choose what to cancel.")))
    try:
        if policy:
            await page.call("CancelOTAStrategyByJob", JobId=job_id)
        if flags:
            # Without this flag, tasks to be confirmed would be cancelled with those to be pushed.
            unconfirmed = {"CancelUnconfirmedTask": reading.is_set(form, "CancelUnconfirmedTask")}
            await page.call("CancelOTATaskByJob", JobId=job_id, **(unconfirmed | flags))
    except CallError as error:
        return await _cancel_page(page, Problem.of(error))
    return page.redirect(f"/jobs/{job_id}", _("What was ticked has been cancelled."))


async def _cancel_page(page: Page, problem: Problem | None = None) -> web.Response:
    job_id = page.name("job_id")
    job = (await page.call("QueryOTAJob", JobId=job_id))["Data"]
    progress = (await page.call("QueryOTAJobProgress", JobId=job_id))["Data"]
    counts = {item["Status"]: item["Count"] for item in progress["States"]}
    return page.render(
        "jobs/cancel.html",
        status=STATUS if problem else 200,
        job=job,
        planned=job["JobStatus"] == _PLANNED,
        has_policy=job["SelectionType"] == _DYNAMIC and job["JobStatus"] != _CANCELED,
        choices=[(flag, state, counts.get(state, 0)) for flag, state in _FLAGS.items()],
        values=page.form or _FIRST,
        problem=problem,
    )
