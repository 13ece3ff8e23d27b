"""Packages: adding one, changing what can be changed, deleting one."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from skyferry.console import named, reading
from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.pages.uploads import SUFFIXES, package_ticket
from skyferry.console.parameters import EMPTY
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
_MOST_FILES: Final = 20
_FIRST: Final = MultiDict({"Type": "0", "SignMethod": "SHA256", "NeedToVerify": "true"})


@pages.get("/packages/new", needs=["CreateOTAFirmware"])
async def show_new(page: Page) -> web.StreamResponse:
    """The form for a new package."""
    values = _FIRST.copy()
    values["ProductKey"] = page.query.get("product", "")
    return await _form(page, MultiDictProxy(values))


@pages.post("/packages/new")
async def add(page: Page) -> web.StreamResponse:
    """Makes the package of uploaded files, or shows the form with another row for a file, or how to upload one."""
    if page.form.get("do") == "more":
        return await _form(page, page.form, more=1)
    if page.form.get("do") == "upload":
        return await _upload_page(page)
    try:
        made = await page.call("CreateOTAFirmware", **package_parameters(page.form))
    except CallError as error:
        return await _form(page, page.form, problem=Problem.of(error))
    return page.redirect(f"/packages/{made['Data']['FirmwareId']}", _("The package has been added."))


def package_parameters(form: MultiDictProxy[str]) -> Mapping[str, Any]:
    """The parameters of CreateOTAFirmware: one file is the package's own, several are its files by their names."""
    names = ("FirmwareName", "ProductKey", "ModuleName", "DestVersion", "Type", "SignMethod", "FirmwareDesc", "Udi")
    told: dict[str, Any] = {name: form.get(name, "").strip() for name in names}
    told["NeedToVerify"] = reading.is_set(form, "NeedToVerify")
    if told["Type"] == "1":
        told["SrcVersion"] = form.get("SrcVersion", "").strip()
    files = reading.rows(form, "file_name", "file_url")
    if len(files) == 1:
        told["FirmwareUrl"] = files[0][1]
    else:
        told["MultiFiles"] = [{"Name": name, "Url": url} for name, url in files]
    return told


async def _form(
    page: Page, values: MultiDictProxy[str], *, problem: Problem | None = None, more: int = 0
) -> web.Response:
    product = values.get("ProductKey")
    modules = await page.call_if_allowed("ListOTAModuleByProduct", ProductKey=product) if product else None
    files = reading.rows(values, "file_name", "file_url")
    empty = max(more, 0 if files else 1) if len(files) < _MOST_FILES else 0
    return page.render(
        "packages/new.html",
        status=STATUS if problem else 200,
        values=values,
        problem=problem,
        products=await page.products(),
        modules=modules["Data"] if modules else (),
        files=[*files, *[("", "")] * empty],
        suffixes=SUFFIXES,
        can_have_more=len(files) + empty < _MOST_FILES,
    )


async def _upload_page(page: Page) -> web.Response:
    """A form that uploads one file without a script, and the way back to the package with what was typed."""
    form = page.form
    try:
        ticket = await package_ticket(page, form.get("suffix", ""))
    except CallError as error:
        return await _form(page, form, problem=Problem.of(error))
    typed = [(name, value) for name, value in form.items() if value and name not in {"do", "form_token", "suffix"}]
    # The console's own origin serves uploads too, and browsers let forms go nowhere else.
    path = urlsplit(ticket["host"]).path
    return page.render("packages/upload.html", path=path, ticket=ticket, typed=typed)


@pages.get("/packages/{firmware_id}/edit", needs=["ModifyOTAFirmware"])
async def show_edit(page: Page) -> web.StreamResponse:
    """The form for what can be changed of a package."""
    package = await named.package(page)
    values = {
        "FirmwareName": package["FirmwareName"],
        "FirmwareDesc": package.get("FirmwareDesc") or "",
        "FirmwareUdi": package.get("Udi") or "",
    }
    return page.render("packages/edit.html", package=package, values=values, problem=None)


@pages.post("/packages/{firmware_id}/edit")
async def edit(page: Page) -> web.StreamResponse:
    """Changes the package's name, description and information for devices."""
    package, form = await named.package(page), page.form
    try:
        await page.call(
            "ModifyOTAFirmware",
            FirmwareId=package["FirmwareId"],
            ProductKey=package["ProductKey"],
            FirmwareName=form.get("FirmwareName", "").strip(),
            FirmwareDesc=form.get("FirmwareDesc", "").strip() or EMPTY,
            FirmwareUdi=form.get("FirmwareUdi", "").strip() or EMPTY,
        )
    except CallError as error:
        problem = Problem.of(error)
        return page.render("packages/edit.html", status=STATUS, package=package, values=form, problem=problem)
    return page.redirect(f"/packages/{package['FirmwareId']}?tab=information", _("The package has been changed."))


@pages.get("/packages/{firmware_id}/delete", needs=["DeleteOTAFirmware"])
async def show_delete(page: Page) -> web.StreamResponse:
    """What deleting the package hits."""
    return await _delete_page(page)


@pages.post("/packages/{firmware_id}/delete")
async def delete(page: Page) -> web.StreamResponse:
    """Deletes the package with its batches and files."""
    try:
        await page.call("DeleteOTAFirmware", FirmwareId=page.name("firmware_id"))
    except CallError as error:
        return await _delete_page(page, Problem.of(error))
    return page.redirect("/packages", _("The package has been deleted."))


async def _delete_page(page: Page, problem: Problem | None = None) -> web.Response:
    package = await named.package(page)
    jobs = await page.call("ListOTAJobByFirmware", FirmwareId=package["FirmwareId"], CurrentPage=1, PageSize=1)
    return page.render(
        "packages/delete.html",
        status=STATUS if problem else 200,
        package=package,
        jobs=jobs["Total"],
        files=len(package["MultiFiles"]) if "MultiFiles" in package else 1,
        problem=problem,
    )
