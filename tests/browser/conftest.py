"""A real browser (Debian's Chromium) on a server of its own."""

import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.server import ROOT_PASSWORD, Server

_ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_MILLISECONDS: Final = 60_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. It ends with its module: as long as it is there, its event loop runs in the tests' own thread."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser, server: Server) -> Iterator[BrowserContext]:
    """A browser without cookies, whose pages may not report errors."""
    made = chromium.new_context(base_url=f"http://{server.http}", locale="en-GB", timezone_id="Asia/Shanghai")
    made.set_default_timeout(_MILLISECONDS)
    problems: list[str] = []
    made.on("weberror", lambda error: problems.append(str(error.error)))
    made.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    yield made
    made.close()
    assert problems == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page of someone who has signed in as root."""
    made = context.new_page()
    made.goto("/console/sign-in")
    made.get_by_label("Password").fill(ROOT_PASSWORD)
    made.get_by_role("button", name="Sign in").click()
    made.wait_for_url("**/console/")
    return made
