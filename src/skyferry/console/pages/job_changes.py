"""Changing a batch while it runs: its rate and tags, and what holds it back."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from skyferry.console import job_forms, named, reading
from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_CONTROLS: Final = (
    *("HaltFailurePercent", "HaltFailureCount", "HaltMinimumExecuted", "StageSuccessPercent", "WindowTimeZone"),
    *("RateStart", "RateGrowthPercent", "RateGrowthSuccesses"),
)


@pages.get("/jobs/{job_id}/edit", needs=["UpdateOTAJob", "UpdateOTARollout"])
async def show(page: Page) -> web.StreamResponse:
    """The two forms: what the original lets be changed, and what holds the batch back."""
    return await _forms(page)


@pages.post("/jobs/{job_id}/edit")
async def edit(page: Page) -> web.StreamResponse:
    """Changes rate and tags, of a dynamic batch also the source versions and the time limit."""
    job, form = await named.job(page), page.form
    try:
        await page.call(
            "UpdateOTAJob",
            JobId=job["JobId"],
            UpgradeType=job["SelectionType"],
            TargetSelection=job["TargetSelection"],
            MaximumPerMinute=form.get("MaximumPerMinute"),
            Tags=job_forms.tags(form),
            SrcVersionList=reading.words(form.get("versions", "")),
            TimeoutInMinutes=form.get("TimeoutInMinutes"),
        )
    except CallError as error:
        return await _forms(page, job=form, problem=Problem.of(error))
    return page.redirect(f"/jobs/{job['JobId']}", _("The batch has been changed."))


@pages.post("/jobs/{job_id}/rollout")
async def hold_back(page: Page) -> web.StreamResponse:
    """Replaces what holds the batch back."""
    job, form = await named.job(page), page.form
    try:
        told = job_forms.controls(form, dynamic=job["SelectionType"] == job_forms.DYNAMIC)
        await page.call("UpdateOTARollout", JobId=job["JobId"], **told)
    except CallError as error:
        return await _forms(page, rollout=form, problem=Problem.of(error))
    return page.redirect(f"/jobs/{job['JobId']}", _("What holds the batch back has been changed."))


async def _forms(
    page: Page,
    *,
    job: MultiDictProxy[str] | None = None,
    rollout: MultiDictProxy[str] | None = None,
    problem: Problem | None = None,
) -> web.Response:
    """Both forms: as they were sent, or as the batch is."""
    found = await named.job(page)
    held_back = (await page.call("QueryOTARollout", JobId=found["JobId"]))["Data"]
    of_job = job or job_values(found)
    of_rollout = rollout or rollout_values(held_back)
    return page.render(
        "jobs/edit.html",
        status=STATUS if problem else 200,
        job=found,
        dynamic=found["SelectionType"] == job_forms.DYNAMIC,
        problem=problem,
        job_values=of_job,
        rollout_values=of_rollout,
        tags=job_forms.table(of_job, "tag_key", "tag_value"),
        windows=job_forms.table(of_rollout, "window_cron", "window_minutes"),
    )


def job_values(job: Mapping[str, Any]) -> MultiDictProxy[str]:
    """The first form as the batch is."""
    values = MultiDict(
        {
            "MaximumPerMinute": str(job["MaximumPerMinute"]),
            "TimeoutInMinutes": str(job.get("TimeoutInMinutes", "")),
            "versions": " ".join(job["SrcVersions"]["SrcVersion"]),
        }
    )
    for tag in job["Tags"]["OtaTagDTO"]:
        values.add("tag_key", tag["Key"])
        values.add("tag_value", tag["Value"])
    return MultiDictProxy(values)


def rollout_values(held_back: Mapping[str, Any]) -> MultiDictProxy[str]:
    """The second form as the batch is."""
    values = MultiDict({name: str(held_back[name]) for name in _CONTROLS if name in held_back})
    values["stages"] = " ".join(str(percent) for percent in held_back["Stages"])
    values["rate"] = "growing" if "RateStart" in held_back else "constant"
    for window in held_back["Windows"]:
        values.add("window_cron", window["Cron"])
        values.add("window_minutes", str(window["Minutes"]))
    return MultiDictProxy(values)
