"""A real browser (Debian's Chromium) on a server of its own."""

import shutil
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

from tests.support import console
from tests.support.server import ROOT_PASSWORD, Server

_ARGUMENTS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_MILLISECONDS: Final = 60_000
_OWN_SCHEMES: Final = frozenset({"data", "blob", "about"})

expect.set_options(timeout=_MILLISECONDS)


class Watched:
    """What pages of a context have done that no page of the console may do."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        """Watches from now on; pages and what they load come from this origin."""
        self._origin = origin
        self._allowed = {origin}
        self._problems: list[tuple[str, str]] = []
        self._refused: set[str] = set()
        context.on("weberror", lambda error: self._problems.append((str(error.error), "")))
        context.on("console", self._say)
        context.on("request", lambda request: self._ask(request.url))
        context.on("response", self._answer)

    def allow(self, origin: str) -> None:
        """Lets the test itself go to another server."""
        self._allowed.add(origin)

    @property
    def problems(self) -> list[str]:
        """Errors of scripts, violations of the policy, requests that went elsewhere.

        That a browser complains of a page which was refused on purpose is none.
        """
        return [text for text, url in self._problems if url not in self._refused]

    def _say(self, message: Any) -> None:
        if message.type == "error":
            self._problems.append((message.text, message.location.get("url", "")))

    def _ask(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _OWN_SCHEMES and f"{parts.scheme}://{parts.netloc}" not in self._allowed:
            self._problems.append((f"a request went to {url}", ""))

    def _answer(self, response: Response) -> None:
        if 400 <= response.status < 500 and response.request.is_navigation_request():
            self._refused.add(response.url)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A started server that all tests with a browser share; it serves the console by HTTPS, too."""
    with Server(tmp_path_factory.mktemp("server"), further=("https",)) as started:
        yield started
        started.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser. It ends with its module: as long as it is there, its event loop runs in the tests' own thread, and
    no test of another file could run one."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def session(server: Server) -> str:
    """The session of someone who has signed in as root."""
    person = console.Browser(server.http)
    assert person.sign_in("root", ROOT_PASSWORD) == 200
    return str(person.session.cookies["skyferry_session"])


@pytest.fixture
def options() -> dict[str, Any]:
    """What else the browser's context is made with; tests override it by `indirect` parameters or their own fixture."""
    return {}


@pytest.fixture
def context(chromium: Browser, server: Server, options: dict[str, Any]) -> Iterator[BrowserContext]:
    """A browser without cookies."""
    given = {"base_url": f"http://{server.http}", "locale": "en-GB", "timezone_id": "Asia/Shanghai", **options}
    made = chromium.new_context(**given)
    made.set_default_timeout(_MILLISECONDS)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def watched(context: BrowserContext, server: Server) -> Iterator[Watched]:
    """Pages may not report errors, and talk to no other server."""
    watched = Watched(context, f"http://{server.http}")
    yield watched
    assert watched.problems == []


@pytest.fixture
def page(context: BrowserContext, server: Server, session: str) -> Page:
    """A page of someone who has signed in as root."""
    return signed_in(context, server, session)


def keep_session(context: BrowserContext, server: Server, session: str) -> None:
    """Gives the browser the cookie as the server does."""
    context.add_cookies(
        [
            {
                "name": "skyferry_session",
                "value": session,
                "domain": server.http.host,
                "path": "/console",
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
    )


def signed_in(context: BrowserContext, server: Server, session: str) -> Page:
    """The overview of someone with this session."""
    keep_session(context, server, session)
    made = context.new_page()
    made.goto("/console/")
    return made
