"""Signing in to the console: who gets in, what a page of a stranger cannot do, what a person may not do."""

import time

import pyotp
import pytest
import requests

from tests.scenario.support import Accounts
from tests.support.console import Browser
from tests.support.server import ROOT_PASSWORD, Server

pytestmark = pytest.mark.rule("accounts")


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server.http)


def person(accounts: Accounts, name: str) -> None:
    """A RAM user of root with a password."""
    accounts.run("user", "create", name)
    accounts.run("password", "set", "--user", name, given=f"{name} password\n" * 2)


def test_a_stranger_is_led_to_sign_in_and_then_where_he_wanted_to_go(browser: Browser) -> None:
    assert browser.open("/packages?version=1.0") == 200
    assert browser.path == "/sign-in"

    assert browser.send("/sign-in", login="root", password=ROOT_PASSWORD) == 200
    assert (browser.path, browser.response.request.path_url) == ("/packages", "/console/packages?version=1.0")


@pytest.mark.parametrize(
    "target", ["https://elsewhere.test/console/", "//elsewhere.test/", "/console/..//elsewhere.test"]
)
def test_nobody_is_led_elsewhere(browser: Browser, target: str) -> None:
    browser.open("/sign-in")
    browser.send("/sign-in", login="root", password=ROOT_PASSWORD, next=target)

    assert browser.path == "/"


@pytest.mark.parametrize(
    ("login", "password"), [("root", "wrong"), ("nobody", ROOT_PASSWORD), ("root@root", ROOT_PASSWORD), ("", "")]
)
def test_wrong_names_and_wrong_passwords_are_answered_alike(browser: Browser, login: str, password: str) -> None:
    browser.open("/sign-in")

    assert browser.send("/sign-in", login=login, password=password) == 403
    assert "Name, password or code are wrong." in browser.text
    assert "skyferry_session" not in browser.session.cookies


def test_the_cookie_is_for_the_console_and_no_script(browser: Browser) -> None:
    browser.open("/sign-in")
    answer = browser.session.post(
        browser.base + "/console/sign-in",
        data={"login": "root", "password": ROOT_PASSWORD},
        allow_redirects=False,
        timeout=60,
    )

    cookie = answer.headers["Set-Cookie"]
    assert all(part in cookie for part in ("Path=/console", "HttpOnly", "SameSite=Lax"))
    assert "Secure" not in cookie


def test_pages_allow_no_script_but_the_consoles(browser: Browser) -> None:
    browser.sign_in()

    policy = browser.response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert browser.document.xpath("//script[not(@src)] | //*[@onclick] | //style") == []


def test_signing_out_ends_the_session(browser: Browser) -> None:
    browser.sign_in()
    kept = {"skyferry_session": str(browser.session.cookies["skyferry_session"])}
    browser.send("/sign-out")

    assert browser.path == "/sign-in"
    assert "You have signed out." in browser.text
    again = requests.get(browser.base + "/console/me", cookies=kept, allow_redirects=False, timeout=60)
    assert again.status_code == 303


def test_signing_out_everywhere_ends_other_browsers_too(browser: Browser, server: Server) -> None:
    other = Browser(server.http)
    other.sign_in()
    browser.sign_in()
    browser.open("/me")
    form = next(item for item in browser.document.forms if item.xpath(".//button[@name='everywhere']"))
    browser.session.post(browser.base + form.action, data=dict(form.form_values()) | {"everywhere": "true"}, timeout=60)

    other.open("/me")
    assert other.path == "/sign-in"


@pytest.mark.parametrize("token", [None, "", "0" * 64])
def test_a_form_of_a_stranger_is_refused(browser: Browser, token: str | None) -> None:
    browser.sign_in()
    data = {} if token is None else {"form_token": token}

    answer = browser.session.post(browser.base + "/console/sign-out", data=data, timeout=60)

    assert answer.status_code == 403
    assert browser.open("/me") == 200
    assert browser.path == "/me"


def test_a_form_from_another_origin_is_refused(browser: Browser) -> None:
    answer = browser.session.post(
        browser.base + "/console/sign-in",
        data={"login": "root", "password": ROOT_PASSWORD},
        headers={"Origin": "https://elsewhere.test"},
        timeout=60,
    )

    assert answer.status_code == 403
    assert "skyferry_session" not in browser.session.cookies


def test_a_user_sees_what_the_policies_allow(browser: Browser, accounts: Accounts) -> None:
    person(accounts, "looker")

    browser.sign_in("looker@root", "looker password")
    assert "Update packages" not in browser.text
    assert browser.open("/packages") == 403
    assert "You may not do this" in browser.text
    assert "RequestId" in browser.text

    accounts.run("policy", "attach", "AliyunIOTReadOnlyAccess", "looker")
    assert browser.open("/packages") == 200
    assert browser.document.xpath("//a[@href='/console/packages/new']") == []


def test_codes_are_asked_for_once_they_are_set_up_and_count_once(browser: Browser, accounts: Accounts) -> None:
    person(accounts, "careful")
    browser.sign_in("careful@root", "careful password")
    browser.open("/me")
    secret = browser.document.xpath("string(//*[@class='secret'])")

    assert browser.send("/me/codes", code="000000", password="careful password", secret=secret) == 400
    code = pyotp.TOTP(secret).now()
    assert browser.send("/me/codes", code=code, password="careful password", secret=secret) == 200
    browser.send("/sign-out")

    assert browser.sign_in("careful@root", "careful password") == 403
    assert browser.send("/sign-in", password="careful password", code=code) == 403, "it was used to set them up"
    later = pyotp.TOTP(secret).at(int(time.time()) + 30)
    assert browser.send("/sign-in", password="careful password", code=later) == 200
    assert browser.path == "/"

    accounts.run("password", "stop-codes", "--user", "careful")
    browser.send("/sign-out")
    assert browser.sign_in("careful@root", "careful password") == 200


def test_who_has_a_session_cannot_guess_the_password(browser: Browser, accounts: Accounts) -> None:
    person(accounts, "guessed")
    browser.sign_in("guessed@root", "guessed password")
    browser.open("/me")
    new = {"new": "another password", "again": "another password"}
    answers = [browser.send("/me/password", old="wrong", **new) for _ in range(7)]

    assert answers == [400] * 6 + [429]
    assert "There were too many wrong passwords." in browser.text
    assert browser.send("/me/password", old="guessed password", **new) == 429
    assert browser.send("/me/codes", password="guessed password", code="000000") == 429


def test_a_removed_password_opens_nothing(browser: Browser, accounts: Accounts) -> None:
    person(accounts, "leaver")
    browser.sign_in("leaver@root", "leaver password")
    accounts.run("password", "remove", "--user", "leaver")

    browser.open("/me")
    assert browser.path == "/sign-in"
    assert browser.sign_in("leaver@root", "leaver password") == 403
    assert "leaver has no password." in accounts.refused("password", "remove", "--user", "leaver")


def test_a_short_password_is_refused(accounts: Accounts) -> None:
    sentence = accounts.refused("password", "set", given="short\nshort\n")

    assert "10 to 200 characters" in sentence
