"""A page that is being made: who looks at it, what they call, how it is shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from urllib.parse import quote, unquote

import aiohttp_jinja2
from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from skyferry.clock import Clock
from skyferry.console import languages
from skyferry.console.live import Live
from skyferry.console.parameters import flat
from skyferry.console.signing_in import SigningIn
from skyferry.fleet.people import Person
from skyferry.keys import SecretBox
from skyferry.operations.services import Services
from skyferry.rpc.direct import DirectCalls
from skyferry.rpc.origin import Origin
from skyferry.store.engine import Store

ROOT: Final = "/console"
PAGE_SIZE: Final = 50
LANGUAGE_COOKIE: Final = "skyferry_language"
ZONE_COOKIE: Final = "skyferry_zone"
THEME_COOKIE: Final = "skyferry_theme"
THEMES: Final = ("light", "dark")
_MOST_CHOICES: Final = 200
_NOTICE: Final = "skyferry_notice"
_NOTICE_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Console:
    """What all pages work with.

    Attributes:
        calls: the operations.
        signing_in: who people are.
        store: the people's own passwords and sessions; everything else goes through the operations.
        box: seals the secrets of codes.
        clock: the time.
        live: tells open pages that something has changed.
        mqtt_port: where the server listens for devices.
    """

    calls: DirectCalls[Services]
    signing_in: SigningIn
    store: Store
    box: SecretBox
    clock: Clock
    live: Live
    mqtt_port: int


CONSOLE: Final = web.AppKey("console", Console)


@dataclass(slots=True)
class Page:
    """One request of a browser.

    Attributes:
        request: the request as aiohttp gives it.
        console: what all pages work with.
        origin: where it comes from.
        person: who has signed in; None on the pages for everyone.
    """

    request: web.Request
    console: Console
    origin: Origin
    person: Person | None = None
    _form: MultiDictProxy[str] = field(default_factory=lambda: MultiDictProxy(MultiDict()))

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the `?` of the URL."""
        return self.request.query

    @property
    def form(self) -> MultiDictProxy[str]:
        """The fields of the form that was sent."""
        return self._form

    @property
    def wants_fragment(self) -> bool:
        """The page's script asks for a part to put into the page that is shown."""
        return "HX-Request" in self.request.headers and "HX-Boosted" not in self.request.headers

    def name(self, part: str) -> str:
        """A part of the URL's path."""
        return self.request.match_info[part]

    def signed_in(self) -> Person:
        """The person; only pages for everyone have none."""
        assert self.person is not None, "the page is only for people who have signed in"
        return self.person

    async def read_form(self) -> None:
        """Reads the fields of the form; files are not among them."""
        data = await self.request.post()
        self._form = MultiDictProxy(MultiDict((name, value) for name, value in data.items() if isinstance(value, str)))

    async def call(self, action: str, **parameters: Any) -> Mapping[str, Any]:
        """Calls an operation as the person who looks at the page; None and empty texts are not sent.

        Raises:
            skyferry.rpc.direct.CallError: it was refused.
        """
        calls, principal = self.console.calls, self.signed_in().principal
        return await calls.call(self.request, principal, action, flat(parameters))

    async def call_if_allowed(self, action: str, **parameters: Any) -> Mapping[str, Any] | None:
        """Calls an operation when the person may; None when they may not."""
        return await self.call(action, **parameters) if self.can(action) else None

    async def products(self) -> Sequence[Mapping[str, Any]]:
        """The account's products for a choice: the newest 200; none when the person may not list them."""
        answer = await self.call_if_allowed("QueryProductList", CurrentPage=1, PageSize=_MOST_CHOICES)
        return answer["Data"]["List"]["ProductInfo"] if answer else ()

    def can(self, action: str) -> bool:
        """Whether the person may call the operation."""
        return self.console.calls.allows(self.request, self.signed_in().principal, action)

    async def refuse(self, action: str) -> NoReturn:
        """Refuses the page to who may not call the operation that it is for.

        Raises:
            skyferry.rpc.direct.CallError: always.
        """
        await self.console.calls.refuse(self.request, self.signed_in().principal, action)

    def render(self, template: str, *, status: int = 200, **context: Any) -> web.Response:
        """The page as HTML."""
        notice = self.request.cookies.get(_NOTICE)
        given = {"page": self, "notice": unquote(notice) if notice else None, **context}
        response = aiohttp_jinja2.render_template(template, self.request, given, status=status)
        if notice:
            response.del_cookie(_NOTICE, path=ROOT)
        return response

    def redirect(self, path: str, notice: str | None = None) -> web.Response:
        """Sends the browser to another page of the console, which says the sentence.

        Args:
            path: below `/console`.
            notice: what was done.
        """
        response = web.Response(status=303, headers={"Location": ROOT + path})
        if notice:
            response.set_cookie(
                _NOTICE, quote(notice), max_age=_NOTICE_SECONDS, path=ROOT, httponly=True, samesite="Lax"
            )
        return response

    def url(self, **changed: Any) -> str:
        """This page with other values in its query; None takes one out."""
        query = {name: value for name, value in self.query.items() if name not in changed}
        query |= {name: str(value) for name, value in changed.items() if value is not None}
        return str(self.request.rel_url.with_query(query))

    @property
    def language(self) -> str:
        """The code of the page's language."""
        return languages.current.get()

    def is_at(self, path: str) -> bool:
        """Whether this page is the area at the path, or below it."""
        here = self.request.path.removeprefix(ROOT)
        return here == path or (path != "/" and here.startswith(f"{path}/"))

    @property
    def theme(self) -> str | None:
        """Light or dark when the person chose one; None: as their system has it."""
        chosen = self.request.cookies.get(THEME_COOKIE)
        return chosen if chosen in THEMES else None

    def form_token(self) -> str:
        """What the page's forms must carry."""
        return self.console.signing_in.form_token(self.request)
