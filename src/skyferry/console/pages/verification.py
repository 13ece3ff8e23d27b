"""Verifying a package on a few devices before it goes to the others."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from skyferry.console import job_forms, named
from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_FIRST: Final = MultiDictProxy(MultiDict({"NeedPush": "true"}))
_MOST_CANDIDATES: Final = 20


@pages.get("/packages/{firmware_id}/verify", needs=["CreateOTAVerifyJob"])
async def show(page: Page) -> web.StreamResponse:
    """The form for a verify batch, with devices that could take the package."""
    return await _form(page, await named.package(page), _FIRST)


@pages.post("/packages/{firmware_id}/verify")
async def verify(page: Page) -> web.StreamResponse:
    """Starts the verification."""
    package, form = await named.package(page), page.form
    try:
        made = await page.call("CreateOTAVerifyJob", **job_forms.of(package), **job_forms.verify_parameters(form))
    except CallError as error:
        return await _form(page, package, form, Problem.of(error))
    return page.redirect(f"/jobs/{made['Data']['JobId']}", _("The verification has begun."))


async def _form(
    page: Page, package: Mapping[str, Any], values: MultiDictProxy[str], problem: Problem | None = None
) -> web.Response:
    ticked = values.getall("device", [])
    candidates = await _candidates(page, package)
    shown = {device["DeviceName"] for device in candidates}
    return page.render(
        "packages/verify.html",
        status=STATUS if problem else 200,
        package=package,
        values=values,
        problem=problem,
        candidates=candidates,
        ticked=ticked,
        others=[name for name in ticked if name not in shown],
        tags=job_forms.table(values, "tag_key", "tag_value"),
    )


async def _candidates(page: Page, package: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Devices that run another version, or the one that was asked for; none for who may not look at devices."""
    try:
        answer = await page.call_if_allowed(
            "ListDevices",
            ProductKey=package["ProductKey"],
            Condition=condition(package, page.query.get("version", "").strip()),
            PageSize=_MOST_CANDIDATES,
        )
    except CallError:
        return ()
    found: Sequence[Mapping[str, Any]] = answer["Data"]["Device"] if answer else ()
    return [{**device, "Version": _version(device, package["ModuleName"])} for device in found]


def condition(package: Mapping[str, Any], version: str) -> str:
    """What is true of devices on which the package can be verified."""
    wanted = package.get("SrcVersion") or version
    comparison = f"= {_quoted(wanted)}" if wanted else f"!= {_quoted(package['DestVersion'])}"
    return f"ota_module.name = {_quoted(package['ModuleName'])} AND ota_module.version {comparison}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _version(device: Mapping[str, Any], module: str) -> str:
    return next((item["FirmwareVersion"] for item in device.get("OTAModules", ()) if item["ModuleName"] == module), "")
