"""Devices: the list of all or of a product, and one with its versions, tasks, tags and connection."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from aiohttp import web

from skyferry.console import export
from skyferry.console.page import PAGE_SIZE, Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()
STATES: Final = ("ONLINE", "OFFLINE", "UNACTIVE", "DISABLE")
_TASKS_OF_A_DEVICE: Final = 20
_MOST_VERSIONS: Final = 200
_LARGEST_PAGE: Final = 200
_MOST_SUBDEVICES: Final = 50
GATEWAY: Final = 1
_HEADER: Final = (
    "ProductKey",
    "DeviceName",
    "Nickname",
    "Status",
    "IotId",
    "IpAddress",
    "UtcCreate",
    "UtcActive",
    "UtcOnline",
    "Tags",
    "Versions",
)
_TEXTS: Final = 9
"""How many of the columns are texts of a device; those after them are lists."""


@pages.get("/devices")
async def show_list(page: Page) -> web.StreamResponse:
    """The devices of all products or of one, with what is asked for; as a CSV file too."""
    if page.query.get("format") == "csv":
        return await export.stream(page, "devices", _HEADER, _portions(page))
    products = await page.products()
    problem = None
    try:
        answer = await page.call("ListDevices", **_filter(page), PageSize=PAGE_SIZE, NextToken=page.query.get("after"))
    except CallError as error:
        problem, answer = Problem.of(error), {"Data": {"Device": ()}}
    return page.render(
        "devices/list.html",
        status=STATUS if problem else 200,
        devices=answer["Data"]["Device"],
        token=answer.get("NextToken"),
        products=products,
        names={item["ProductKey"]: item["ProductName"] for item in products},
        states=STATES,
        problem=problem,
    )


def _filter(page: Page) -> Mapping[str, Any]:
    query = page.query
    return {
        "ProductKey": query.get("product"),
        "NamePrefix": query.get("name"),
        "Status": query.get("state"),
        "Condition": query.get("where"),
    }


async def _portions(page: Page) -> AsyncIterator[Sequence[Sequence[str]]]:
    token = None
    while True:
        answer = await page.call("ListDevices", **_filter(page), PageSize=_LARGEST_PAGE, NextToken=token)
        yield [row_of(device) for device in answer["Data"]["Device"]]
        token = answer.get("NextToken")
        if token is None:
            return


def row_of(device: Mapping[str, Any]) -> Sequence[str]:
    """A device as a row of the exported table."""
    tags = "; ".join(f"{tag['TagName']}={tag['TagValue']}" for tag in device["Tags"])
    versions = "; ".join(f"{item['ModuleName']}={item['FirmwareVersion']}" for item in device["OTAModules"])
    return [*(device.get(name, "") for name in _HEADER[:_TEXTS]), tags, versions]


@pages.get("/devices/{product}/{device}")
async def show(page: Page) -> web.StreamResponse:
    """A device."""
    return await render_device(page)


@pages.get("/devices/{product}/{device}/live")
async def show_live(page: Page) -> web.StreamResponse:
    """The part of the page that changes by itself: state and connection."""
    device = (await page.call("QueryDeviceDetail", **named(page)))["Data"]
    return page.render("devices/live.html", device=device)


@pages.get("/devices/{product}/{device}/tasks/{task}")
async def show_task(page: Page) -> web.StreamResponse:
    """What happened to a task of the device."""
    answer = await page.call("QueryOTATaskHistory", TaskId=page.name("task"), CurrentPage=page.query.get("page", "1"))
    return page.render(
        "devices/task.html",
        task=answer["Data"],
        number=answer["CurrentPage"],
        count=answer["PageCount"],
        total=answer["Total"],
    )


def named(page: Page) -> Mapping[str, str]:
    """The device that the page's path names, as parameters of a call."""
    return {"ProductKey": page.name("product"), "DeviceName": page.name("device")}


async def render_device(page: Page, *, problem: Problem | None = None) -> web.Response:
    """The page of the device; with a problem, after a form of it was refused."""
    name = named(page)
    device = (await page.call("QueryDeviceDetail", **name))["Data"]
    versions = await page.call_if_allowed(
        "ListOTAModuleVersionsByDevice", **name, CurrentPage=1, PageSize=_MOST_VERSIONS
    )
    unfinished = await page.call_if_allowed("ListOTAUnfinishedTaskByDevice", **name)
    tags = await page.call_if_allowed("QueryDeviceProp", **name)
    attributes = await page.call_if_allowed("QueryDeviceAttributes", **name)
    groups = await page.call_if_allowed("QueryDeviceGroupByDevice", **name)
    return page.render(
        "devices/show.html",
        status=STATUS if problem else 200,
        device=device,
        versions=versions["Data"]["SimpleOTAModuleInfo"] if versions else None,
        unfinished=unfinished["Data"]["SimpleOTATaskInfo"] if unfinished else None,
        tags=json.loads(tags["Props"]) if tags else None,
        attributes=attributes["Data"] if attributes else (),
        groups=groups["GroupInfos"]["GroupInfo"] if groups else None,
        problem=problem,
        **await _tasks(page),
        **await _topology(page, is_gateway=device["NodeType"] == GATEWAY),
    )


async def _tasks(page: Page) -> Mapping[str, Any]:
    answer = await page.call_if_allowed(
        "ListOTATaskByDevice",
        **named(page),
        CurrentPage=page.query.get("page", "1"),
        PageSize=_TASKS_OF_A_DEVICE,
    )
    if answer is None:
        return {"tasks": None}
    return {
        "tasks": answer["Data"]["DeviceTask"],
        "number": answer["CurrentPage"],
        "count": answer["PageCount"],
        "total": answer["Total"],
    }


async def _topology(page: Page, *, is_gateway: bool) -> Mapping[str, Any]:
    """What is behind the device when it is a gateway, what it is behind when it is none."""
    found: dict[str, Any] = {"gateway": None, "subdevices": None}
    if is_gateway:
        answer = await page.call_if_allowed("GetThingTopo", **named(page), PageNo=1, PageSize=_MOST_SUBDEVICES)
        found["subdevices"] = answer["Data"] if answer else None
        return found
    try:
        answer = await page.call_if_allowed("GetGatewayBySubDevice", **named(page))
    except CallError:
        return found
    found["gateway"] = answer["Data"] if answer else None
    return found
