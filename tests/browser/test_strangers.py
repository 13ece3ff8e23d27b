"""Who may do less is offered less and refused; a page of a stranger changes nothing; cookies are the console's only."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.conftest import Watched, keep_session, signed_in
from tests.support import console
from tests.support.api import Application
from tests.support.clicks import Clicks
from tests.support.server import ROOT_PASSWORD, Server

PASSWORD: Final = "a long enough password"
REFUSED: Final = "You may not do this"
Elsewhere = Callable[[str, str], str]
EXPIRED: Final = "This form is no longer valid"
ACTIONS: Final = "main form[method=post], main .danger, main a[href$='/new'], main a[href$='/edit']"


def person(application: Application, name: str, policies: str = "") -> None:
    """A RAM user with a password, and with policies of the system."""
    application.call("CreateUser", UserName=name)
    application.call("CreateLoginProfile", UserName=name, Password=PASSWORD)
    for policy in policies.split():
        application.call("AttachPolicyToUser", UserName=name, PolicyName=policy, PolicyType="System")


def page_of(context: BrowserContext, server: Server, name: str) -> Page:
    """The overview as the user sees it."""
    browser = console.Browser(server.http)
    browser.sign_in(f"{name}@root", PASSWORD)
    return signed_in(context, server, str(browser.session.cookies["skyferry_session"]))


def status(page: Page, path: str) -> int:
    """Types a path of the console by hand."""
    response = page.goto(f"/console{path}")
    assert response is not None
    return response.status


def test_who_may_only_read_is_offered_nothing_and_refused_when_she_tries(
    context: BrowserContext, server: Server, root_application: Application
) -> None:
    product = root_application.create_product("strangers")
    device = root_application.register(product, "kitchen")
    package = root_application.create_package(product, b"content", "2.0.0")
    person(root_application, "reader", "AliyunIOTReadOnlyAccess")
    page = page_of(context, server, "reader")

    below = (f"/products/{product}", f"/devices/{product}/{device.name}", f"/packages/{package}")
    for path in ("/", "/products", "/devices", "/groups", "/packages", "/analysis", *below):
        assert status(page, path) == 200
        assert page.locator(ACTIONS).count() == 0, path

    forms = (
        "/products/new",
        "/devices/new",
        "/groups/new",
        "/packages/new",
        f"{below[1]}/delete",
        f"{below[2]}/update",
    )
    for path in (*forms, "/access", "/jobs/none/tasks?do=cancel"):
        assert status(page, path) == 403, path
        expect(page.get_by_role("heading", name=REFUSED)).to_be_visible()
        expect(page.locator("main")).to_contain_text("NoPermission · RequestId ")


def test_what_is_no_longer_allowed_is_refused_in_the_form(
    context: BrowserContext, server: Server, root_application: Application
) -> None:
    person(root_application, "maker", "AliyunIOTFullAccess")
    page = page_of(context, server, "maker")
    page.goto("/console/products/new")
    root_application.call(
        "DetachPolicyFromUser", UserName="maker", PolicyName="AliyunIOTFullAccess", PolicyType="System"
    )

    Clicks(page).field("Name").fill("not_any_more")
    Clicks(page).press("Make the product")

    expect(page.get_by_role("alert")).to_contain_text("NoPermission · RequestId ")
    found = root_application.call("QueryProductList", CurrentPage=1, PageSize=50)["Data"]["List"]["ProductInfo"]
    assert "not_any_more" not in {item["ProductName"] for item in found}


def test_who_may_see_nothing_is_told_so(context: BrowserContext, server: Server, root_application: Application) -> None:
    person(root_application, "nobody")
    page = page_of(context, server, "nobody")

    expect(page.get_by_role("heading", name="There is nothing here that you may see")).to_be_visible()
    assert page.locator("main").get_by_text("No batch is running.").count() == 0


class Foreign(BaseHTTPRequestHandler):
    """A page of somebody else, with a form that goes to the console as soon as it is open."""

    target = ""

    def do_GET(self) -> None:
        body = (
            f"<form method=post action='{self.target}'><input name=everywhere value=true>"
            "<input name=language value=zh></form><script>document.forms[0].submit()</script>"
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def elsewhere(server: Server, watched: Watched) -> Iterator[Elsewhere]:
    """The URL of a foreign page: by the name of its host, and where on the console its form goes."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Foreign) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()

        def url(host: str, target: str) -> str:
            Foreign.target = f"http://{server.http}{target}"
            watched.allow(origin := f"http://{host}:{made.server_port}")
            return origin

        yield url
        made.shutdown()


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        pytest.param("127.0.0.1", EXPIRED, id="the same site, whose cookies are sent"),
        pytest.param("localhost", "Overview", id="another site, whose cookies are not"),
    ],
)
def test_a_form_of_a_foreign_page_changes_nothing(page: Page, elsewhere: Elsewhere, host: str, answer: str) -> None:
    page.goto(elsewhere(host, "/console/sign-out"))
    page.wait_for_url("**/console/**")

    expect(page.get_by_role("heading", name=answer)).to_be_visible()
    assert status(page, "/me") == 200
    expect(page.get_by_role("heading", name="root", exact=True)).to_be_visible()


def test_a_foreign_page_changes_no_preferences_either(page: Page, elsewhere: Elsewhere) -> None:
    page.goto(elsewhere("localhost", "/console/preferences"))
    page.wait_for_url("**/console/**")

    expect(page.get_by_role("heading", name=EXPIRED)).to_be_visible()
    page.goto("/console/")
    assert page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("sent", [None, "0" * 64, "that of another session"])
def test_a_form_without_the_sessions_token_is_refused_and_says_what_to_do(
    page: Page, server: Server, sent: str | None
) -> None:
    page.goto("/console/products/new")
    token = page.locator("main input[name=form_token]")
    if sent is None:
        token.evaluate("field => field.remove()")
    elif sent.startswith("0"):
        token.evaluate("(field, value) => { field.value = value }", sent)
    else:
        again = console.Browser(server.http)
        again.sign_in("root", ROOT_PASSWORD)
        keep_session(page.context, server, str(again.session.cookies["skyferry_session"]))
    Clicks(page).field("Name").fill("forged")
    Clicks(page).press("Make the product")

    expect(page.get_by_role("heading", name=EXPIRED)).to_be_visible()
    expect(page.get_by_text("Go back, load the page anew and try again.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_script_and_no_foreign_page_gets_the_sessions_cookie(chromium: Browser, server: Server, scheme: str) -> None:
    with chromium.new_context(ignore_https_errors=True) as context:
        page = context.new_page()
        page.goto(f"{scheme}://{server.address(scheme)}/console/sign-in")
        page.get_by_label("Password").fill(ROOT_PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/console/")
        cookie = next(item for item in context.cookies() if item["name"] == "skyferry_session")
        assert page.evaluate("document.cookie.includes('skyferry_session')") is False

    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/console")
    assert cookie["secure"] is (scheme == "https")
