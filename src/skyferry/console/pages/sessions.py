"""Signing in, signing out, and a person's own password, codes and browsers."""

from typing import Final

import pyotp
from aiohttp import web
from sqlalchemy import Connection

from skyferry.console.languages import translate as _
from skyferry.console.page import ROOT, Page
from skyferry.console.routing import Pages
from skyferry.console.signing_in import Attempt, CodeNeededError, RefusedError, TooManyError
from skyferry.fleet import people
from skyferry.fleet.accounts import AccountError
from skyferry.store import people as statements

pages = Pages()
_ISSUER: Final = "Skyferry"


@pages.get("/sign-in", public=True)
async def show_sign_in(page: Page) -> web.StreamResponse:
    """The form to sign in."""
    if page.person is not None:
        return page.redirect("/")
    return _sign_in_form(page)


@pages.post("/sign-in", public=True)
async def sign_in(page: Page) -> web.StreamResponse:
    """Lets a person in."""
    form = page.form
    attempt = Attempt(
        login=form.get("login", ""),
        password=form.get("password", ""),
        code=form.get("code", ""),
        browser=page.request.headers.get("User-Agent", ""),
    )
    signing_in = page.console.signing_in
    try:
        token = await signing_in.sign_in(attempt, page.origin)
    except RefusedError:
        return _sign_in_form(page, status=403, problem=_("Name, password or code are wrong."))
    except TooManyError:
        return _sign_in_form(page, status=429, problem=_too_many())
    except CodeNeededError:
        problem = _("Type the password again, with the code that your authenticator shows.")
        return _sign_in_form(page, status=403, problem=problem, with_code=True)
    response = web.Response(status=303, headers={"Location": _next(page)})
    signing_in.set_cookie(response, token, secure=page.origin.secure)
    return response


@pages.post("/sign-out")
async def sign_out(page: Page) -> web.StreamResponse:
    """Ends the session, or all of them."""
    everywhere = page.form.get("everywhere") == "true"
    await page.console.signing_in.sign_out(page.signed_in(), everywhere=everywhere)
    response = page.redirect("/sign-in", _("You have signed out."))
    page.console.signing_in.clear_cookie(response)
    return response


@pages.get("/me")
async def show_me(page: Page) -> web.StreamResponse:
    """The person's own password, codes and browsers."""
    return await _me(page)


@pages.post("/me/password")
async def change_password(page: Page) -> web.StreamResponse:
    """Another password; all sessions end."""
    person, form = page.signed_in(), page.form
    if (refused := await _unconfirmed(page, form.get("old", ""))) is not None:
        return refused
    if form.get("new") != form.get("again"):
        return await _me(page, problem=_("The two new passwords differ."))
    try:
        digest = await page.console.signing_in.hash_password(form.get("new", ""))
    except AccountError as error:
        return await _me(page, problem=_(str(error)))
    session, now = person.session, page.console.clock.now_ms()
    await page.console.store.write(statements.set_hash, session.account_id, session.ram_user_id, digest, now=now)
    response = page.redirect("/sign-in", _("The password is changed. Sign in with the new one."))
    page.console.signing_in.clear_cookie(response)
    return response


@pages.post("/me/codes")
async def change_codes(page: Page) -> web.StreamResponse:
    """Begins to ask for codes when the person shows that their authenticator makes them, or stops."""
    person, form, console = page.signed_in(), page.form, page.console
    password_id = person.session.password_id
    if (refused := await _unconfirmed(page, form.get("password", ""))) is not None:
        return refused
    if form.get("do") == "stop":
        await console.store.write(statements.set_totp, password_id, None, None)
        return page.redirect("/me", _("No codes are asked for any more."))
    secret = form.get("secret", "")
    try:
        step = people.matching_step(pyotp.TOTP(secret), form.get("code", ""), now=console.clock.now_ms())
    except ValueError:
        step = None
    if step is None:
        problem = _("This is not the code of the secret. Look whether the clock of your authenticator is right.")
        return await _me(page, problem=problem, secret=secret)

    def store(tx: Connection) -> None:
        statements.set_totp(tx, password_id, console.box.seal(secret), step)

    await console.store.write(store)
    return page.redirect("/me", _("From now on a code is asked for when you sign in."))


async def _unconfirmed(page: Page, password: str) -> web.Response | None:
    """The page that says why a change is refused when this is not the person's password; None when it is."""
    try:
        await page.console.signing_in.confirm(page.signed_in(), password, page.origin)
    except RefusedError:
        return await _me(page, problem=_("The present password is wrong."))
    except TooManyError:
        return await _me(page, status=429, problem=_too_many())
    return None


async def _me(page: Page, *, status: int = 400, problem: str | None = None, secret: str | None = None) -> web.Response:
    person, console = page.signed_in(), page.console
    sessions = await console.store.read(statements.sessions_of, person.session.password_id, now=console.clock.now_ms())
    offered = secret or pyotp.random_base32()
    return page.render(
        "me.html",
        status=status if problem else 200,
        sessions=sessions,
        problem=problem,
        secret=offered,
        secret_url=pyotp.TOTP(offered).provisioning_uri(name=person.login, issuer_name=_ISSUER),
        shortest=people.SHORTEST_PASSWORD,
    )


def _too_many() -> str:
    return _("There were too many wrong passwords. Wait a minute before you try again.")


def _sign_in_form(
    page: Page, *, status: int = 200, problem: str | None = None, with_code: bool = False
) -> web.Response:
    return page.render(
        "sign_in.html",
        status=status,
        problem=problem,
        with_code=with_code,
        login=page.form.get("login", ""),
        next=page.form.get("next") or page.query.get("next", ""),
    )


def _next(page: Page) -> str:
    """Where the person wanted to go: a page of the console, nothing else."""
    wanted = page.form.get("next", "")
    return wanted if wanted.startswith(f"{ROOT}/") and "\\" not in wanted and "//" not in wanted else f"{ROOT}/"
