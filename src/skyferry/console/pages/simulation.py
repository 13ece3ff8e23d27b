"""A device that runs in the page itself, for who has none at hand: `static/device.js` plays it."""

from collections.abc import Mapping
from typing import Final

from aiohttp import web

from skyferry.console import simulator
from skyferry.console.languages import translate as _
from skyferry.console.page import Page
from skyferry.console.pages.devices import named
from skyferry.console.routing import Pages

pages = Pages()
_FIRST_VERSION: Final = "1.0.0"


@pages.get("/devices/{product}/{device}/simulate", needs=["QueryDeviceDetail"])
async def show(page: Page) -> web.StreamResponse:
    """The device, ready to be started: whoever may read its secret may play it."""
    device = (await page.call("QueryDeviceDetail", **named(page)))["Data"]
    return page.render(
        "devices/simulate.html",
        device=device,
        identity={
            "productKey": device["ProductKey"],
            "deviceName": device["DeviceName"],
            "deviceSecret": device["DeviceSecret"],
        },
        version=device.get("FirmwareVersion", _FIRST_VERSION),
        sentences=_sentences(),
        shell=simulator.shell_lines(page, device),
    )


def _sentences() -> Mapping[str, str]:
    """What the device says of itself in the page."""
    return {
        "connecting": _("The device connects by MQTT over WebSocket."),
        "connected": _("It has logged in."),
        "refused": _("The server refused the log-in (code {code}). Load the page anew: the secret may be another now."),
        "reported": _("It reports that module {module} runs version {version}."),
        "offered": _("The server offers version {version} of module {module}."),
        "progress": _("{share} are downloaded."),
        "verified": _("Size and {method} digest are right. It installs the package."),
        "restarting": _("It restarts."),
        "failed": _("The update failed, and it reports why: {reason}."),
        "elsewhere": _(
            "The package comes from another host or over MQTT. This page downloads from its own server only: use the"
            " simulator in a shell."
        ),
        "lost": _("The connection has ended: the server stopped, or another device logged in under this name."),
        "stopped": _("The device is switched off."),
    }
