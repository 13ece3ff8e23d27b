"""Registering devices: one, many by their names, many with generated names."""

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiohttp import web
from aiohttp.web_request import FileField

from skyferry.console import export
from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
RUNNING: Final = ("CHECK", "CREATE")
_PAGE: Final = 50
_MOST_SHOWN: Final = 100
_HEADER: Final = ("DeviceName", "DeviceSecret", "IotId")


@pages.get("/devices/new", needs=["RegisterDevice", "BatchRegisterDevice", "BatchCheckDeviceNames"])
async def show_new(page: Page) -> web.StreamResponse:
    """The forms that register devices."""
    return await _forms(page)


@pages.post("/devices/new")
async def register(page: Page) -> web.StreamResponse:
    """Registers one device."""
    form = page.form
    try:
        made = await page.call(
            "RegisterDevice",
            ProductKey=form.get("ProductKey"),
            DeviceName=form.get("DeviceName", "").strip(),
            Nickname=form.get("Nickname", "").strip(),
        )
    except CallError as error:
        return await _forms(page, problem=Problem.of(error))
    device = made["Data"]
    return page.redirect(f"/devices/{device['ProductKey']}/{device['DeviceName']}", _("The device is registered."))


@pages.post("/devices/new/names")
async def check_names(page: Page) -> web.StreamResponse:
    """Has a list of names checked, from the field or from a file."""
    try:
        text = await _listed(page)
    except UnicodeDecodeError:
        return await _forms(page, problem=Problem(_("The file is not in UTF-8. Save it as CSV (UTF-8).")))
    wanted = [{"DeviceName": name, "DeviceNickname": nickname} for name, nickname in read_names(text)]
    try:
        answer = await page.call("BatchCheckDeviceNames", ProductKey=page.form.get("ProductKey"), DeviceNameList=wanted)
    except CallError as error:
        return await _forms(page, problem=Problem.of(error), misfits=_misfits(error.error.data or {}))
    return page.redirect(_path(page.form.get("ProductKey", ""), answer["Data"]["ApplyId"]))


async def _listed(page: Page) -> str:
    """What was typed, and what stands in the file that was chosen."""
    file = (await page.request.post()).get("file")
    read = file.file.read().decode("utf-8-sig") if isinstance(file, FileField) else ""
    return f"{page.form.get('names', '')}\n{read}"


def read_names(text: str) -> Sequence[tuple[str, str]]:
    """Names and nicknames of devices: a line for each, with a comma between the two; a line of titles is left out."""
    rows = ([cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)))
    found = [(row[0], row[1] if len(row) > 1 else "") for row in rows if row and row[0]]
    return [(name, nickname) for name, nickname in found if name.lower() != "devicename"]


@pages.post("/devices/new/count")
async def make_names(page: Page) -> web.StreamResponse:
    """Starts to register a number of devices, whose names are made up."""
    form = page.form
    try:
        answer = await page.call("BatchRegisterDevice", ProductKey=form.get("ProductKey"), Count=form.get("Count"))
    except CallError as error:
        return await _forms(page, problem=Problem.of(error))
    return page.redirect(_path(form.get("ProductKey", ""), answer["Data"]["ApplyId"]))


async def _forms(
    page: Page, *, problem: Problem | None = None, misfits: Sequence[Mapping[str, Any]] = ()
) -> web.Response:
    values = page.form or {"ProductKey": page.query.get("product", "")}
    return page.render(
        "registrations/new.html",
        status=STATUS if problem else 200,
        products=await page.products(),
        values=values,
        problem=problem,
        misfits=misfits[:_MOST_SHOWN],
        more=max(len(misfits) - _MOST_SHOWN, 0),
    )


def _misfits(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = data.get("InvalidDetailList", {}).get("InvalidDetailList", ())
    return found


def _path(product: str, apply_id: object) -> str:
    return f"/devices/registrations/{product}/{apply_id}"


@pages.get("/devices/registrations/{product}/{apply}")
async def show(page: Page) -> web.StreamResponse:
    """How far a registration is; its devices with their secrets as a CSV file."""
    if page.query.get("format") == "csv":
        return await export.stream(page, f"devices-{page.name('apply')}", _HEADER, _portions(page))
    return page.render("registrations/show.html", problem=None, **await _progress(page))


@pages.get("/devices/registrations/{product}/{apply}/progress")
async def show_progress(page: Page) -> web.StreamResponse:
    """The part of the page that changes while the registration goes on."""
    return page.render("registrations/progress.html", **await _progress(page))


@pages.post("/devices/registrations/{product}/{apply}")
async def carry_out(page: Page) -> web.StreamResponse:
    """Registers the devices whose names were checked."""
    product, apply_id = page.name("product"), page.name("apply")
    try:
        await page.call("BatchRegisterDeviceWithApplyId", ProductKey=product, ApplyId=apply_id)
    except CallError as error:
        context = await _progress(page)
        return page.render("registrations/show.html", status=STATUS, problem=Problem.of(error), **context)
    return page.redirect(_path(product, apply_id))


async def _progress(page: Page) -> dict[str, Any]:
    product, apply_id = page.name("product"), page.name("apply")
    state = (await page.call("QueryBatchRegisterDeviceStatus", ProductKey=product, ApplyId=apply_id))["Data"]
    made = await page.call("QueryPageByApplyId", ApplyId=apply_id, CurrentPage=1, PageSize=1)
    misfits = state["InvalidDetailList"]["invalidDetailList"]
    return {
        "state": state["Status"],
        "running": state["Status"] in RUNNING,
        "made": made["Total"],
        "misfits": misfits[:_MOST_SHOWN],
        "more": max(len(misfits) - _MOST_SHOWN, 0),
    }


async def _portions(page: Page) -> AsyncIterator[Sequence[Sequence[str]]]:
    number, count = 1, 1
    while number <= count:
        answer = await page.call("QueryPageByApplyId", ApplyId=page.name("apply"), CurrentPage=number, PageSize=_PAGE)
        yield [[device[name] for name in _HEADER] for device in answer["ApplyDeviceList"]["ApplyDeviceInfo"]]
        number, count = number + 1, answer["PageCount"]
