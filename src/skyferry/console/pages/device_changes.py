"""What a person does to a device: its nickname, its tags, who may log in, its tasks, its end."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.pages.devices import GATEWAY, named, render_device
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.rpc.direct import CallError

pages = Pages()


async def _do(page: Page, notice: str, action: str, **parameters: Any) -> web.StreamResponse:
    """Calls an operation on the page's device and shows the device again."""
    try:
        await page.call(action, **parameters)
    except CallError as error:
        return await render_device(page, problem=Problem.of(error))
    return page.redirect(_path(page), notice)


def _path(page: Page) -> str:
    return f"/devices/{page.name('product')}/{page.name('device')}"


@pages.post("/devices/{product}/{device}/nickname")
async def rename(page: Page) -> web.StreamResponse:
    """Gives the device a nickname, or takes it away."""
    item = {**named(page), "Nickname": page.form.get("nickname", "").strip()}
    return await _do(page, _("The nickname has been changed."), "BatchUpdateDeviceNickname", DeviceNicknameInfo=[item])


@pages.post("/devices/{product}/{device}/tags")
async def save_tag(page: Page) -> web.StreamResponse:
    """Gives the device a tag, or another value of one."""
    form = page.form
    props = json.dumps({form.get("key", "").strip(): form.get("value", "").strip()}, ensure_ascii=False)
    return await _do(page, _("The tag has been set."), "SaveDeviceProp", **named(page), Props=props)


@pages.post("/devices/{product}/{device}/tags/remove")
async def remove_tag(page: Page) -> web.StreamResponse:
    """Takes a tag away."""
    key = page.form.get("key")
    return await _do(page, _("The tag has been removed."), "DeleteDeviceProp", **named(page), PropKey=key)


@pages.post("/devices/{product}/{device}/enable")
async def enable(page: Page) -> web.StreamResponse:
    """Lets the device log in again."""
    return await _do(page, _("The device may log in again."), "EnableThing", **named(page))


@pages.get("/devices/{product}/{device}/disable", needs=["DisableThing"])
async def show_disable(page: Page) -> web.StreamResponse:
    """What disabling the device means."""
    return await _confirm(page, "disable")


@pages.post("/devices/{product}/{device}/disable")
async def disable(page: Page) -> web.StreamResponse:
    """Ends the device's connection and lets it log in no more."""
    return await _do(page, _("The device may log in no more."), "DisableThing", **named(page))


@pages.get("/devices/{product}/{device}/secret", needs=["ResetDeviceSecret"])
async def show_secret(page: Page) -> web.StreamResponse:
    """What another secret means."""
    return await _confirm(page, "secret")


@pages.post("/devices/{product}/{device}/secret")
async def reset_secret(page: Page) -> web.StreamResponse:
    """Gives the device another secret."""
    notice = _("The device has a new secret: give it to the device.")
    return await _do(page, notice, "ResetDeviceSecret", **named(page))


@pages.get("/devices/{product}/{device}/release", needs=["RemoveThingTopo"])
async def show_release(page: Page) -> web.StreamResponse:
    """What taking the device from its gateway, or all from a gateway, means."""
    return await _confirm(page, "release")


@pages.post("/devices/{product}/{device}/release")
async def release(page: Page) -> web.StreamResponse:
    """Takes a sub-device from its gateway, or all sub-devices from a gateway."""
    return await _do(page, _("The topology has been changed."), "RemoveThingTopo", **named(page))


@pages.get("/devices/{product}/{device}/delete", needs=["DeleteDevice"])
async def show_delete(page: Page) -> web.StreamResponse:
    """What goes with the device."""
    return await _confirm(page, "delete")


@pages.post("/devices/{product}/{device}/delete")
async def delete(page: Page) -> web.StreamResponse:
    """Deletes the device."""
    try:
        await page.call("DeleteDevice", **named(page))
    except CallError as error:
        return await _confirm(page, "delete", problem=Problem.of(error))
    return page.redirect(f"/devices?product={page.name('product')}", _("The device has been deleted."))


async def _confirm(page: Page, what: str, *, problem: Problem | None = None) -> web.Response:
    """The page before the last click: what will be hit, and how much of it."""
    device = (await page.call("QueryDeviceDetail", **named(page)))["Data"]
    unfinished = await page.call_if_allowed("ListOTAUnfinishedTaskByDevice", **named(page))
    tasks = await page.call_if_allowed("ListOTATaskByDevice", **named(page), CurrentPage=1, PageSize=1)
    is_gateway = device["NodeType"] == GATEWAY
    behind = await page.call_if_allowed("GetThingTopo", **named(page), PageNo=1, PageSize=1) if is_gateway else None
    return page.render(
        "devices/confirm.html",
        status=STATUS if problem else 200,
        device=device,
        what=what,
        unfinished=len(unfinished["Data"]["SimpleOTATaskInfo"]) if unfinished else None,
        tasks=tasks["Total"] if tasks else None,
        subdevices=behind["Data"]["Total"] if behind else 0,
        problem=problem,
    )


@pages.get("/devices/{product}/{device}/tasks/{task}/cancel", needs=["CancelOTATaskByDevice"])
async def show_cancel(page: Page) -> web.StreamResponse:
    """The task that will be cancelled."""
    return page.render("devices/cancel.html", task=await _open_task(page), problem=None)


@pages.post("/devices/{product}/{device}/tasks/{task}/cancel")
async def cancel(page: Page) -> web.StreamResponse:
    """Cancels a task that has not begun."""
    task = await _open_task(page)
    if task is None:
        return page.redirect(_path(page), _("The task has ended by itself."))
    try:
        await page.call(
            "CancelOTATaskByDevice",
            ProductKey=page.name("product"),
            DeviceName=[page.name("device")],
            FirmwareId=task["FirmwareId"],
            JobId=task["JobId"],
        )
    except CallError as error:
        return page.render("devices/cancel.html", status=STATUS, task=task, problem=Problem.of(error))
    return page.redirect(_path(page), _("The task has been cancelled."))


async def _open_task(page: Page) -> Mapping[str, Any] | None:
    answer = await page.call("ListOTAUnfinishedTaskByDevice", **named(page))
    open_tasks = answer["Data"]["SimpleOTATaskInfo"]
    return next((task for task in open_tasks if task["TaskId"] == page.name("task")), None)
