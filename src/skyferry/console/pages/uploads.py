"""Tickets with which a page's script uploads files from the browser."""

from typing import Final

from aiohttp import web

from skyferry.console.page import Page
from skyferry.console.problems import STATUS, Problem
from skyferry.console.routing import Pages
from skyferry.objects.tickets import DEFAULT_FIRMWARE_SUFFIX, FIRMWARE_SUFFIXES
from skyferry.rpc.direct import CallError

pages = Pages()
_LIST: Final = "list"


@pages.post("/uploads")
async def issue_ticket(page: Page) -> web.StreamResponse:
    """A ticket for one file: where to post it, with which fields, and its URL afterwards."""
    try:
        if page.form.get("purpose") == _LIST:
            data = (await page.call("GenerateDeviceNameListURL"))["Data"]
            access_key, url = data["AccessKeyId"], data["FileUrl"]
        else:
            suffix = suffix_of(page.form.get("name", ""))
            data = (await page.call("GenerateOTAUploadURL", FileSuffix=suffix))["Data"]
            access_key, url = data["OSSAccessKeyId"], data["FirmwareUrl"]
    except CallError as error:
        problem = Problem.of(error)
        return web.json_response({"problem": f"{problem.text} ({problem.code}, {problem.request_id})"}, status=STATUS)
    fields = {
        "key": data["Key"],
        "policy": data["Policy"],
        "OSSAccessKeyId": access_key,
        "Signature": data["Signature"],
    }
    return web.json_response({"host": data["Host"], "fields": fields, "url": url})


def suffix_of(name: str) -> str:
    """The suffix under which the file is kept: its own where packages know it."""
    longest_first = sorted(FIRMWARE_SUFFIXES, key=len, reverse=True)
    lower = name.lower()
    return next((suffix for suffix in longest_first if lower.endswith(f".{suffix}")), DEFAULT_FIRMWARE_SUFFIX)
