"""`/healthz` and `/metrics`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]
"""Returns when a part works; raises what is wrong."""

_UNAVAILABLE: Final = 503


def routes(checks: Mapping[str, Check]) -> list[web.RouteDef]:
    """The routes.

    Args:
        checks: a check for each part that must work.
    """

    async def health(_request: web.Request) -> web.Response:
        states = {name: await _state(name, check) for name, check in checks.items()}
        healthy = set(states.values()) == {"ok"}
        body = {"status": "ok" if healthy else "unavailable", **states}
        return web.json_response(body, status=200 if healthy else _UNAVAILABLE)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", health), web.get("/metrics", metrics)]


async def _state(name: str, check: Check) -> str:
    try:
        await check()
    except Exception as error:  # noqa: BLE001 - whatever a part raises, it does not work
        # The sentence goes to the log only: this page is open to everyone who reaches the port.
        _log.warning("health.failed", part=name, error=str(error))
        return "failed"
    return "ok"
