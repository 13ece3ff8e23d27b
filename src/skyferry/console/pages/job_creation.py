"""Making batches: an update of the fleet with a preview before it, and the verification of a package."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from skyferry.console import formats, job_forms, named
from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_MOST_GROUPS: Final = 200
_MOST_VERSIONS: Final = 10
_MAY_GO_OUT: Final = frozenset({-1, 1})
"""States of packages that need no verification or have passed it."""
_ACTIONS: Final = {
    False: ("CreateOTAStaticUpgradeJob", "CreateOTARolloutJob"),
    True: ("CreateOTADynamicUpgradeJob", "CreateOTADynamicRolloutJob"),
}
"""By whether the batch is dynamic: what makes it, and what makes it when something holds it back."""
_FIRST: Final = MultiDictProxy(
    MultiDict(
        {
            "mode": "STATIC",
            "TargetSelection": "ALL",
            "DynamicMode": "1",
            "start": "now",
            "rate": "constant",
            "OverwriteMode": "1",
            "NeedPush": "true",
            "HaltMinimumExecuted": "1",
            "WindowTimeZone": "UTC",
        }
    )
)


@dataclass(frozen=True, slots=True)
class Preview:
    """What the page tells before the last button.

    Attributes:
        found: what PreviewOTAJob answered; None when only devices that report later are updated.
        digest: what it was made of.
    """

    found: Mapping[str, Any] | None
    digest: str


@pages.get("/packages/{firmware_id}/update", needs=["CreateOTAStaticUpgradeJob", "CreateOTADynamicUpgradeJob"])
async def show_update(page: Page) -> web.StreamResponse:
    """The form for a batch."""
    return await _update_form(page, await named.package(page), _FIRST)


@pages.post("/packages/{firmware_id}/update")
async def update(page: Page) -> web.StreamResponse:
    """Previews the batch; makes it when the person has seen the preview of just this."""
    package, form = await named.package(page), page.form
    wanted = job_forms.of(package)
    digest = job_forms.digest(form)
    if job_forms.is_dynamic(form) and not job_forms.has_policy(form):
        missing = Problem(_("A dynamic batch needs source versions, or a dynamic group."))
        return await _update_form(page, package, form, problem=missing)
    try:
        if form.get("do") == "start" and form.get("previewed") == digest:
            job_id = await _make(page, wanted)
            return page.redirect(f"/jobs/{job_id}", _("The batch has been made."))
        preview = Preview(await _preview(page, wanted), digest)
    except CallError as error:
        return await _update_form(page, package, form, problem=Problem.of(error))
    unseen = form.get("do") == "start"
    problem = Problem(_("The form has changed since the preview: look at the new one.")) if unseen else None
    return await _update_form(page, package, form, problem=problem, preview=preview)


@pages.get("/packages/{firmware_id}/versions")
async def show_versions(page: Page) -> web.StreamResponse:
    """Boxes for the commonest versions but the package's own; nothing while the package may not go out."""
    package = await named.package(page)
    answer = None
    if package["Status"] in _MAY_GO_OUT:
        answer = await page.call_if_allowed(
            "QueryOTAVersionDistribution",
            ProductKey=package["ProductKey"],
            ModuleName=package["ModuleName"],
            TopVersions=_MOST_VERSIONS + 1,
        )
    found = answer["Data"]["Versions"] if answer else ()
    versions = [(item["Version"], item["Count"]) for item in found if item["Version"] != package["DestVersion"]]
    return page.render("packages/versions.html", versions=versions[:_MOST_VERSIONS], ticked=())


async def _preview(page: Page, wanted: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Who would be updated at this moment, told by PreviewOTAJob."""
    form = page.form
    if not job_forms.is_dynamic(form):
        told = {**job_forms.static_parameters(form), **job_forms.controls(form, dynamic=False)}
        found: Mapping[str, Any] = (await page.call("PreviewOTAJob", **wanted, **told))["Data"]
        return found
    told = {**job_forms.dynamic_parameters(form), **job_forms.controls(form, dynamic=True)}
    if told.pop("DynamicMode") == "2" or "GroupId" in told:
        return None
    present: Mapping[str, Any] = (await page.call("PreviewOTAJob", **wanted, TargetSelection="ALL", **told))["Data"]
    return present


async def _make(page: Page, wanted: Mapping[str, str]) -> str:
    """Makes the batch by the plain operation where that says all of it."""
    form = page.form
    dynamic = job_forms.is_dynamic(form)
    held_back = job_forms.controls(form, dynamic=dynamic)
    told = job_forms.dynamic_parameters(form) if dynamic else job_forms.static_parameters(form)
    plain, with_controls = _ACTIONS[dynamic]
    made = await page.call(with_controls if held_back else plain, **wanted, **told, **held_back)
    return str(made["Data"]["JobId"])


async def _update_form(
    page: Page,
    package: Mapping[str, Any],
    values: MultiDictProxy[str],
    *,
    problem: Problem | None = None,
    preview: Preview | None = None,
) -> web.Response:
    groups = await page.call_if_allowed(
        "QueryDeviceGroupList", PageSize=_MOST_GROUPS, GroupTypes=["LINK_PLATFORM", "LINK_PLATFORM_DYNAMIC"]
    )
    zone = formats.zone.get()
    versions, ticked = job_forms.offered(values), values.getall("SrcVersion", [])
    return page.render(
        "packages/update.html",
        status=STATUS if problem else 200,
        package=package,
        values=values,
        problem=problem,
        preview=preview,
        versions=versions,
        ticked=ticked,
        others=[version for version in ticked if version not in dict(versions)],
        groups_found=groups["Data"]["GroupInfo"] if groups else (),
        zone=zone.key if zone else "UTC",
        tags=job_forms.table(values, "tag_key", "tag_value"),
        windows=job_forms.table(values, "window_cron", "window_minutes"),
    )
