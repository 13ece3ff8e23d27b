"""Groups of devices: the list, static ones with members, dynamic ones with an expression."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from aiohttp import web

from skyferry.console import reading
from skyferry.console.languages import translate as _
from skyferry.console.languages import translate_number
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.parameters import EMPTY
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()


class Kind(StrEnum):
    """What decides who belongs to a group, as it stands in paths."""

    STATIC = "static"
    DYNAMIC = "dynamic"


_TYPES: Final[Mapping[Kind, str]] = {Kind.STATIC: "LINK_PLATFORM", Kind.DYNAMIC: "LINK_PLATFORM_DYNAMIC"}
_KINDS: Final = {name: kind for kind, name in _TYPES.items()}
_MOST_SUBGROUPS: Final = 100


@pages.get("/groups")
async def show_list(page: Page) -> web.StreamResponse:
    """The groups of all levels."""
    query = page.query
    kind = query.get("kind")
    wanted = [_TYPES[Kind(kind)]] if kind in set(Kind) else list(_TYPES.values())
    answer = await page.call(
        "QueryDeviceGroupList",
        CurrentPage=query.get("page", "1"),
        PageSize=PAGE_SIZE,
        GroupName=query.get("name"),
        GroupTypes=wanted,
    )
    return page.render(
        "groups/list.html",
        groups=answer["Data"]["GroupInfo"],
        kinds=_KINDS,
        number=answer["CurrentPage"],
        count=answer["PageCount"],
        total=answer["Total"],
    )


@pages.get("/groups/new", needs=["CreateDeviceGroup", "CreateDeviceDynamicGroup"])
async def show_new(page: Page) -> web.StreamResponse:
    """The form for a new group."""
    values = {"kind": Kind.STATIC, "SuperGroupId": page.query.get("in", "")}
    return page.render("groups/new.html", values=values, problem=None)


@pages.post("/groups/new")
async def add(page: Page) -> web.StreamResponse:
    """Makes a group."""
    form = page.form
    told = {name: form.get(name, "").strip() for name in ("GroupName", "GroupDesc")}
    kind = Kind.DYNAMIC if form.get("kind") == Kind.DYNAMIC else Kind.STATIC
    try:
        if kind is Kind.DYNAMIC:
            expression = form.get("DynamicGroupExpression", "").strip() or EMPTY
            made = await page.call(
                "CreateDeviceDynamicGroup", **told, **_instance(page), DynamicGroupExpression=expression
            )
        else:
            made = await page.call("CreateDeviceGroup", **told, SuperGroupId=form.get("SuperGroupId"))
    except CallError as error:
        return page.render("groups/new.html", status=STATUS, values=form, problem=Problem.of(error))
    return page.redirect(f"/groups/{kind}/{made['Data']['GroupId']}", _("The group has been made."))


def _instance(page: Page) -> Mapping[str, str]:
    """What operations on dynamic groups insist on."""
    return {"IotInstanceId": page.signed_in().principal.default_instance.name}


@pages.get(f"/groups/{{kind:{'|'.join(Kind)}}}/{{group}}")
async def show(page: Page) -> web.StreamResponse:
    """A group with its devices."""
    return await _show(page)


@pages.post(f"/groups/{{kind:{'|'.join(Kind)}}}/{{group}}")
async def change(page: Page) -> web.StreamResponse:
    """Gives a group another description."""
    description = page.form.get("GroupDesc", "").strip() or EMPTY
    try:
        await page.call("UpdateDeviceGroup", **_named(page), GroupDesc=description)
    except CallError as error:
        return await _show(page, problem=Problem.of(error))
    return page.redirect(_path(page), _("The group has been changed."))


@pages.post("/groups/static/{group}/devices")
async def put_in(page: Page) -> web.StreamResponse:
    """Puts devices into a static group."""
    product = page.form.get("ProductKey", "")
    devices = [{"ProductKey": product, "DeviceName": name} for name in reading.words(page.form.get("names", ""))]
    try:
        told = await page.call("BatchAddDeviceGroupRelations", GroupId=page.name("group"), Device=devices)
    except CallError as error:
        return await _show(page, problem=Problem.of(error))
    notice = _("%(added)s devices were added, %(already)s were in the group, %(unknown)s are unknown.") % {
        "added": told["SuccessAddedDeviceCount"],
        "already": told["AlreadyRelatedGroupDeviceCount"],
        "unknown": len(devices) - told["ValidDeviceCount"],
    }
    if told["ExceedTenGroupDeviceCount"]:
        notice += " " + _("%(number)s are in 10 groups, which is the most.") % {
            "number": told["ExceedTenGroupDeviceCount"]
        }
    return page.redirect(_path(page, Kind.STATIC), notice)


@pages.get("/groups/static/{group}/remove", needs=["BatchDeleteDeviceGroupRelations"])
async def show_take_out(page: Page) -> web.StreamResponse:
    """Which of the devices that were ticked would leave a static group."""
    devices = _chosen(page.request.query.getall("device", []))
    if not devices:
        return await _show(page, problem=Problem(_("Tick the devices that are to be taken out.")))
    group = (await page.call("QueryDeviceGroupInfo", **_named(page)))["Data"]
    return page.render("groups/remove.html", group=group, devices=devices)


@pages.post("/groups/static/{group}/remove")
async def take_out(page: Page) -> web.StreamResponse:
    """Takes the devices out of a static group."""
    devices = _chosen(page.form.getall("device", []))
    try:
        told = await page.call("BatchDeleteDeviceGroupRelations", GroupId=page.name("group"), Device=devices)
    except CallError as error:
        return await _show(page, problem=Problem.of(error))
    count = told["SuccessDeviceCount"]
    sentence = translate_number("%(num)s device was taken out.", "%(num)s devices were taken out.", count)
    return page.redirect(_path(page, Kind.STATIC), sentence % {"num": count})


def _chosen(values: Sequence[str]) -> list[Mapping[str, str]]:
    """Devices that were ticked, each as `PRODUCT/DEVICE`."""
    parted = [value.partition("/") for value in values]
    return [{"ProductKey": product, "DeviceName": name} for product, _slash, name in parted]


@pages.get(
    f"/groups/{{kind:{'|'.join(Kind)}}}/{{group}}/delete", needs=["DeleteDeviceGroup", "DeleteDeviceDynamicGroup"]
)
async def show_delete(page: Page) -> web.StreamResponse:
    """What deleting a group means."""
    return await _delete(page)


@pages.post(f"/groups/{{kind:{'|'.join(Kind)}}}/{{group}}/delete")
async def delete(page: Page) -> web.StreamResponse:
    """Deletes a group."""
    group = page.name("group")
    try:
        if _kind(page) is Kind.DYNAMIC:
            await page.call("DeleteDeviceDynamicGroup", GroupId=group, **_instance(page))
        else:
            await page.call("DeleteDeviceGroup", GroupId=group)
    except CallError as error:
        return await _delete(page, problem=Problem.of(error))
    return page.redirect("/groups", _("The group has been deleted."))


async def _delete(page: Page, *, problem: Problem | None = None) -> web.Response:
    group, kind = (await page.call("QueryDeviceGroupInfo", **_named(page)))["Data"], _kind(page)
    return page.render(
        "groups/delete.html",
        status=STATUS if problem else 200,
        group=group,
        kind=kind,
        subgroups=await _subgroups(page) if kind is Kind.STATIC else (),
        problem=problem,
    )


def _kind(page: Page) -> Kind:
    """The kind that the path says; the paths of members say none, they are of static groups."""
    return Kind(page.request.match_info.get("kind", Kind.STATIC))


def _named(page: Page) -> Mapping[str, str]:
    return {"GroupId": page.name("group"), "GroupType": _TYPES[_kind(page)]}


def _path(page: Page, kind: Kind | None = None) -> str:
    return f"/groups/{kind or _kind(page)}/{page.name('group')}"


async def _show(page: Page, *, problem: Problem | None = None) -> web.Response:
    kind = _kind(page)
    group = (await page.call("QueryDeviceGroupInfo", **_named(page)))["Data"]
    members = await (_matching(page) if kind is Kind.DYNAMIC else _members(page))
    return page.render(
        "groups/show.html",
        status=STATUS if problem else 200,
        group=group,
        kind=kind,
        products=await page.products() if kind is Kind.STATIC else (),
        subgroups=await _subgroups(page) if kind is Kind.STATIC else (),
        values={"GroupDesc": group.get("GroupDesc", ""), **page.form},
        problem=problem,
        members=members["Data"]["SimpleDeviceInfo"],
        number=members["Page"],
        count=members["PageCount"],
        total=members["Total"],
        token=members.get("NextToken"),
    )


async def _members(page: Page) -> Mapping[str, Any]:
    return await page.call(
        "QueryDeviceListByDeviceGroup",
        GroupId=page.name("group"),
        CurrentPage=page.query.get("page", "1"),
        PageSize=PAGE_SIZE,
    )


async def _matching(page: Page) -> Mapping[str, Any]:
    return await page.call(
        "QueryDynamicGroupDevices",
        GroupId=page.name("group"),
        **_instance(page),
        PageSize=PAGE_SIZE,
        NextToken=page.query.get("after"),
    )


async def _subgroups(page: Page) -> Sequence[Mapping[str, Any]]:
    answer = await page.call_if_allowed(
        "QueryDeviceGroupList", SuperGroupId=page.name("group"), CurrentPage=1, PageSize=_MOST_SUBGROUPS
    )
    return answer["Data"]["GroupInfo"] if answer else ()
