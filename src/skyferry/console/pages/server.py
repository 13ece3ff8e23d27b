"""Settings and health: whether the server works, what it has to do, and how it is set up."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from skyferry.console import formats
from skyferry.console.page import Page
from skyferry.console.routing import Pages
from skyferry.events.subscriptions import COUNTED_UP_TO

pages = Pages()
_LEAST_FREE: Final = 0.1
"""Of the disk: with less, the page warns."""
_LEAST_VALID_MS: Final = 14 * 86_400_000
"""The page warns when the certificate is valid for less, in milliseconds."""


@pages.get("/server")
async def show(page: Page) -> web.StreamResponse:
    """How the server is, and the settings that differ from their defaults, or all."""
    status = (await page.call("QueryServerStatus"))["Data"]
    changed_only = page.query.get("settings") != "all"
    return page.render(
        "server/show.html",
        server=status,
        settings=[item for item in status["Settings"] if not (changed_only and item["IsDefault"])],
        changed_only=changed_only,
        counted_up_to=COUNTED_UP_TO,
        disk_is_low=disk_is_low(status),
        ends_soon=ends_soon(status, page.console.clock.now_ms()),
    )


def disk_is_low(status: Mapping[str, Any]) -> bool:
    """Whether too little of the disk is free for package files and the database to grow."""
    return bool(status["DiskFreeBytes"] < status["DiskBytes"] * _LEAST_FREE)


def ends_soon(status: Mapping[str, Any], now_ms: int) -> bool:
    """Whether the server's certificate should have been renewed by now."""
    end = status.get("UtcCertificateEnd")
    return end is not None and formats.moment_of(end).timestamp() * 1_000 < now_ms + _LEAST_VALID_MS
