"""What is served over HTTP and where: everything on the HTTP and HTTPS ports, what devices need on further ones."""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import structlog
from aiohttp import ClientConnectionResetError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from skyferry.console.page import ROOT as CONSOLE_PATH
from skyferry.devices import registration_http
from skyferry.endpoints import Endpoint, Endpoints
from skyferry.errors import UnavailableError
from skyferry.objects import urls
from skyferry.rpc.http_limits import RUNNER_OPTIONS
from skyferry.tls.keeper import TlsKeeper
from skyferry.tls.listener import Listener
from skyferry.trust.tuf import http as tuf_http

_SHUTDOWN_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)
_server_log: Final = logging.getLogger(__name__)


class WebServer:
    """The HTTP listeners and the applications behind them."""

    def __init__(self, routes: Sequence[web.RouteDef], *, console: web.Application | None) -> None:
        """Starts nothing yet.

        Args:
            routes: all that the server offers over HTTP, besides the console.
            console: the console; None when it is not served.
        """
        self._everything = _runner(routes, console)
        self._downloads = _runner(route for route in routes if _is_for_devices(route))
        self._listeners: list[Listener] = []

    async def start(self, endpoints: Endpoints, tls: TlsKeeper) -> None:
        """Serves from here on."""
        for runner in (self._everything, self._downloads):
            await runner.setup()
        await self._serve(endpoints.http, Listener(_server(self._everything)))
        if endpoints.https is not None:
            await self._serve(endpoints.https, Listener(_server(self._everything), tls=tls.https, plain=False))
        for endpoint in endpoints.downloads:
            await self._serve(endpoint, Listener(_server(self._downloads), tls=tls.devices))

    async def stop(self) -> None:
        """Accepts no more, and finishes the requests that have begun."""
        for listener in self._listeners:
            listener.close()
            await listener.wait_closed()
        for runner in (self._everything, self._downloads):
            await runner.cleanup()

    def check(self) -> None:
        """Returns when connections are accepted on every port.

        Raises:
            ConnectionError: they are not.
        """
        if not all(listener.serving for listener in self._listeners):
            raise ConnectionError("An HTTP endpoint is not open.")

    async def _serve(self, endpoint: Endpoint, listener: Listener) -> None:
        await listener.start(endpoint.listening)
        self._listeners.append(listener)


def _is_of_the_server(record: logging.LogRecord) -> bool:
    """What is no HTTP, or nobody waits for, is the sender's doing: it gets a line instead of a stack trace."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, UnavailableError):
        _log.warning("http_not_answered", what=record.getMessage(), exc_info=error)
        return False
    if not isinstance(error, HttpProcessingError | ClientConnectionResetError):
        return True
    _log.info("http_broken", what=record.getMessage(), reason=type(error).__name__)
    return False


_server_log.addFilter(_is_of_the_server)


def _runner(routes: Iterable[web.RouteDef], console: web.Application | None = None) -> web.AppRunner:
    application = web.Application()
    if console is not None:
        application.add_subapp(f"{CONSOLE_PATH}/", console)
        application.router.add_get(CONSOLE_PATH, _to_console)
    application.add_routes(routes)
    return web.AppRunner(
        application, access_log=None, logger=_server_log, shutdown_timeout=_SHUTDOWN_SECONDS, **RUNNER_OPTIONS
    )


async def _to_console(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound(f"{CONSOLE_PATH}/")


def _server(runner: web.AppRunner) -> web.Server:
    server = runner.server
    assert server, "the runner is set up"
    return server


def _is_for_devices(route: web.RouteDef) -> bool:
    """True for downloads and for registrations, which C SDKs send to port 443 like their downloads (§1.8)."""
    if route.method == hdrs.METH_POST:
        return route.path == registration_http.PATH
    return route.method == hdrs.METH_GET and route.path.startswith((f"{urls.UPLOAD_PATH}/", f"{tuf_http.PATH}/"))
