"""Which page answers to which path: a module of `pages/` declares its own with `Pages`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from skyferry.console.page import Page

Handler = Callable[[Page], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One page.

    Attributes:
        method: GET to look, POST to change something.
        path: below `/console`.
        handler: makes it.
        public: whether it is for people who have not signed in, too.
        needs: operations of which the person may call one at least, or the page is refused: it is a form for them.
    """

    method: str
    path: str
    handler: Handler
    public: bool
    needs: Sequence[str]


@dataclass(slots=True)
class Pages:
    """The pages of one module."""

    routes: list[Route] = field(default_factory=list)

    def get(self, path: str, *, public: bool = False, needs: Sequence[str] = ()) -> Callable[[Handler], Handler]:
        """Declares the decorated function as the page at a path."""
        return self._declare(hdrs.METH_GET, path, public=public, needs=needs)

    def post(self, path: str, *, public: bool = False) -> Callable[[Handler], Handler]:
        """Declares the decorated function as what a form at a path does."""
        return self._declare(hdrs.METH_POST, path, public=public, needs=())

    def _declare(self, method: str, path: str, *, public: bool, needs: Sequence[str]) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, handler, public, needs))
            return handler

        return declare
