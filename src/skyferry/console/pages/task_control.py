"""Selected devices of a batch: their tasks are cancelled, confirmed or run again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from skyferry.console.languages import translate as _
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_PORTION: Final = 10
"""How many tasks ConfirmOTATask and ReupgradeOTATask take at once."""


@dataclass(frozen=True, slots=True)
class Change:
    """What can be done with selected tasks.

    Attributes:
        action: the operation.
        states: of the tasks that it can hit.
    """

    action: str
    states: frozenset[str]


CHANGES: Final[Mapping[str, Change]] = {
    "cancel": Change("CancelOTATaskByDevice", frozenset({"CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS"})),
    "confirm": Change("ConfirmOTATask", frozenset({"CONFIRM"})),
    "again": Change("ReupgradeOTATask", frozenset({"FAILED", "CANCELED"})),
}


@pages.get("/jobs/{job_id}/tasks")
async def show(page: Page) -> web.StreamResponse:
    """Which of the selected devices are hit."""
    change = CHANGES.get(page.query.get("do", ""))
    if change is not None and not page.can(change.action):
        await page.refuse(change.action)
    return await _page(page, page.query.get("do", ""), page.request.query.getall("device", []))


@pages.post("/jobs/{job_id}/tasks")
async def change(page: Page) -> web.StreamResponse:
    """Does it, with what the devices' tasks are by now."""
    job_id, do, names = page.name("job_id"), page.form.get("do", ""), page.form.getall("device", [])
    hit, _others = await _tasks(page, do, names)
    try:
        await _do(page, do, hit)
    except CallError as error:
        return await _page(page, do, names, Problem.of(error))
    done = {
        "cancel": _("The updates of the selected devices have been cancelled."),
        "confirm": _("The updates of the selected devices have been confirmed."),
        "again": _("The selected devices are updated again."),
    }
    return page.redirect(f"/jobs/{job_id}", done[do])


async def _do(page: Page, do: str, hit: Sequence[Mapping[str, Any]]) -> None:
    action = CHANGES[do].action
    if do == "cancel":
        job = (await page.call("QueryOTAJob", JobId=page.name("job_id")))["Data"]
        names = [task["DeviceName"] for task in hit]
        of_job = {"ProductKey": job["ProductKey"], "FirmwareId": job["FirmwareId"], "JobId": job["JobId"]}
        await page.call(action, **of_job, DeviceName=names)
        return
    keys = [task["TaskId"] for task in hit]
    of_job = {"JobId": page.name("job_id")} if do == "again" else {}
    for begin in range(0, len(keys), _PORTION):
        await page.call(action, **of_job, TaskId=keys[begin : begin + _PORTION])


async def _tasks(
    page: Page, do: str, names: Sequence[str]
) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    """The tasks of the devices that are hit, and the others."""
    if do not in CHANGES:
        raise web.HTTPNotFound
    if not names:
        return (), ()
    answer = await page.call("ListOTATaskByJob", JobId=page.name("job_id"), DeviceNames=list(names[:PAGE_SIZE]))
    tasks = answer["Data"]["SimpleOTATaskInfo"]
    states = CHANGES[do].states
    return (
        [task for task in tasks if task["TaskStatus"] in states],
        [task for task in tasks if task["TaskStatus"] not in states],
    )


async def _page(page: Page, do: str, names: Sequence[str], problem: Problem | None = None) -> web.Response:
    hit, others = await _tasks(page, do, names)
    return page.render(
        "jobs/tasks.html",
        status=STATUS if problem else 200,
        job_id=page.name("job_id"),
        do=do,
        hit=hit,
        others=others,
        problem=problem,
    )
