"""Tickets with which a page's script uploads files from the browser."""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.objects.tickets import DEFAULT_FIRMWARE_SUFFIX, FIRMWARE_SUFFIXES
from skyferry.rpc.direct import CallError

pages = Pages()
SUFFIXES: Final = tuple(sorted(FIRMWARE_SUFFIXES, key=lambda suffix: (suffix != DEFAULT_FIRMWARE_SUFFIX, suffix)))
"""What the file of a package may end with, the usual one first."""
_LIST: Final = "list"


@pages.post("/uploads")
async def issue_ticket(page: Page) -> web.StreamResponse:
    """A ticket for one file: where to post it, with which fields, and its URL afterwards."""
    try:
        if page.form.get("purpose") == _LIST:
            data = (await page.call("GenerateDeviceNameListURL"))["Data"]
            ticket = _ticket(data, data["AccessKeyId"], data["FileUrl"])
        else:
            ticket = await package_ticket(page, suffix_of(page.form.get("name", "")))
    except CallError as error:
        problem = Problem.of(error)
        return web.json_response({"problem": f"{problem.text} ({problem.code}, {problem.request_id})"}, status=STATUS)
    return web.json_response(ticket)


async def package_ticket(page: Page, suffix: str) -> Mapping[str, Any]:
    """A ticket for a file of a package.

    Raises:
        skyferry.rpc.direct.CallError: the person may upload none.
    """
    data = (await page.call("GenerateOTAUploadURL", FileSuffix=suffix))["Data"]
    return _ticket(data, data["OSSAccessKeyId"], data["FirmwareUrl"])


def _ticket(data: Mapping[str, Any], access_key: str, url: str) -> Mapping[str, Any]:
    fields = {
        "key": data["Key"],
        "policy": data["Policy"],
        "OSSAccessKeyId": access_key,
        "Signature": data["Signature"],
    }
    return {"host": data["Host"], "fields": fields, "url": url}


def suffix_of(name: str) -> str:
    """The suffix under which the file is kept: its own where packages know it."""
    longest_first = sorted(FIRMWARE_SUFFIXES, key=len, reverse=True)
    lower = name.lower()
    return next((suffix for suffix in longest_first if lower.endswith(f".{suffix}")), DEFAULT_FIRMWARE_SUFFIX)
