"""The console as an aiohttp application: every request becomes a `Page`, every answer gets its headers."""

import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import aiohttp_jinja2
import jinja2
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from jinja2.utils import missing
from markupsafe import Markup

from skyferry.console import assets, charts, formats, languages
from skyferry.console.languages import translate as _
from skyferry.console.navigation import navigation
from skyferry.console.page import CONSOLE, LANGUAGE_COOKIE, ROOT, ZONE_COOKIE, Console, Page
from skyferry.console.pages import PAGES
from skyferry.console.problems import Problem
from skyferry.console.routing import Route
from skyferry.console.said import said
from skyferry.errors import UnavailableError
from skyferry.rpc import gateway_errors
from skyferry.rpc.direct import CallError
from skyferry.rpc.origin import Network, origin_of

_FORM_FIELD: Final = "form_token"
_FORM_HEADER: Final = "X-Form-Token"
_FAILED: Final = 500
_UNAVAILABLE: Final = 503
_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'{upload}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""No script and no style sheet but the console's own. Charts place their tooltips by style attributes."""
_log = structlog.get_logger("skyferry.console")


def application(console: Console, *, public_url: str, trusted_proxies: Sequence[Network]) -> web.Application:
    """The application to be put under `/console/`.

    Args:
        console: what pages work with.
        public_url: where browsers upload package files to.
        trusted_proxies: whose word on the origin of requests counts.
    """
    made = web.Application(middlewares=[_headers(public_url)])
    made[CONSOLE] = console
    aiohttp_jinja2.setup(
        made,
        loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")),
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        undefined=Missing,
        autoescape=True,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment = aiohttp_jinja2.get_env(made)
    # What the extension adds at run time is not in its type.
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        languages.translate, languages.translate_number, newstyle=True
    )
    environment.filters.update(
        number=formats.number,
        percent=formats.percent,
        size=formats.size,
        time=formats.time,
        duration=formats.duration,
        said=said,
        setting=languages.translate_setting,
    )
    environment.globals.update(
        asset=assets.url,
        chart_legend=charts.legend,
        languages=languages.LANGUAGES,
        root=ROOT,
        navigation=navigation,
        form_token=_form_token,
    )
    made.router.add_get(assets.PATH, assets.serve)
    made.router.add_get("/live", console.live.serve)
    made.on_shutdown.append(console.live.close)
    for route in PAGES:
        made.router.add_route(route.method, route.path, _handler(route, trusted_proxies))
    return made


@jinja2.pass_context
def _form_token(context: jinja2.runtime.Context) -> Markup:
    """The field that every form carries."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(_FORM_FIELD, context["page"].form_token())


class Missing(jinja2.Undefined):
    """What a template names and is not there: nothing, where it is a member of an answer; a fault, where it is a name.

    Answers leave members out that have no value.
    """

    def __new__(cls, hint: str | None = None, obj: Any = missing, *more: Any, **named: Any) -> Any:
        """Makes the one or the other."""
        if obj is missing:
            return jinja2.StrictUndefined(hint, obj, *more, **named)
        return super().__new__(cls)


def _handler(route: Route, trusted_proxies: Sequence[Network]) -> Handler:
    """What aiohttp calls for a page."""

    async def handle(request: web.Request) -> web.StreamResponse:
        console = request.config_dict[CONSOLE]
        languages.current.set(
            languages.choose(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("Accept-Language", ""))
        )
        formats.zone.set(formats.read_zone(unquote(request.cookies.get(ZONE_COOKIE, ""))))
        page = Page(request, console, origin_of(request, trusted_proxies))
        page.person = await console.signing_in.person(request)
        if page.person is None and not route.public:
            return _to_sign_in(page)
        if route.method == hdrs.METH_POST:
            await page.read_form()
            if not _is_own_form(page):
                return _expired(page)
        try:
            if route.needs and not any(page.can(action) for action in route.needs):
                await page.refuse(route.needs[0])
            return await route.handler(page)
        except CallError as error:
            return _refused(page, error)
        except web.HTTPNotFound:
            return _not_there(page)

    return handle


def _expired(page: Page) -> web.Response:
    return page.render(
        "error.html",
        status=403,
        title=_("This form is no longer valid"),
        problem=Problem(_("Go back, load the page anew and try again.")),
    )


def _not_there(page: Page) -> web.Response:
    return page.render(
        "error.html",
        status=404,
        title=_("There is nothing here"),
        problem=Problem(_("What the address names does not exist, or no longer.")),
    )


def _to_sign_in(page: Page) -> web.StreamResponse:
    if page.wants_fragment:
        return web.Response(status=401, headers={"HX-Redirect": f"{ROOT}/sign-in"})
    wanted = page.request.rel_url
    target = f"{ROOT}/sign-in"
    if page.request.method == hdrs.METH_GET and wanted.path != f"{ROOT}/":
        target += f"?next={quote(str(wanted), safe='')}"
    return web.Response(status=303, headers={"Location": target})


def _is_own_form(page: Page) -> bool:
    """Whether a page of the console sent the form. Before there is a session, the browser's word on it counts."""
    request = page.request
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.host:
        return False
    if page.person is None:
        return request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    sent = page.form.get(_FORM_FIELD, request.headers.get(_FORM_HEADER, ""))
    return secrets.compare_digest(sent.encode(), page.console.signing_in.form_token(request).encode())


def _refused(page: Page, error: CallError) -> web.StreamResponse:
    kind = error.error.kind
    status = 400 if kind.is_business else kind.status
    title = _("You may not do this") if kind is gateway_errors.NO_PERMISSION else _("This was refused")
    template = "fragments/refused.html" if page.wants_fragment else "error.html"
    response = page.render(
        template,
        status=200 if page.wants_fragment else status,  # htmx shows nothing of an answer with another status
        title=title,
        problem=Problem.of(error),
    )
    if page.wants_fragment:
        response.headers.update({"HX-Retarget": "#notices", "HX-Reswap": "innerHTML"})
    return response


def _headers(public_url: str) -> Middleware:
    policy = _POLICY.format(upload=f" {public_url}")

    @web.middleware
    async def add(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            answer.headers.update(_HEADERS)
            raise
        except Exception as error:  # noqa: BLE001 - the person gets a sentence, the log gets the traceback
            _log.exception("page failed", path=request.path)
            status = _UNAVAILABLE if isinstance(error, UnavailableError) else _FAILED
            response = web.Response(status=status, text=_("The page cannot be made now. The server's log says why."))
        response.headers["Content-Security-Policy"] = policy
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return add
