"""Whether the server works: what is checked, `/healthz` and `/metrics`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_log = structlog.get_logger()

Check = Callable[[], Awaitable[None]]
"""Returns when a part works; raises what is wrong."""

_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class PartState:
    """How a part of the server is.

    Attributes:
        name: the part.
        problem: what is wrong, for operators only; None while it works.
    """

    name: str
    problem: str | None


class Health:
    """The parts of the server that must work: who asks for them all is told the same."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        """Args: checks: a check for each part that must work."""
        self._checks = checks

    async def look(self) -> Sequence[PartState]:
        """Checks every part."""
        return [PartState(name, await _problem(name, check)) for name, check in self._checks.items()]


def routes(health: Health) -> list[web.RouteDef]:
    """The routes."""

    async def answer(_request: web.Request) -> web.Response:
        # The sentences are not told: this page is open to everyone who reaches the port.
        states = {part.name: "ok" if part.problem is None else "failed" for part in await health.look()}
        healthy = set(states.values()) == {"ok"}
        body = {"status": "ok" if healthy else "unavailable", **states}
        return web.json_response(body, status=200 if healthy else _UNAVAILABLE)

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", answer), web.get("/metrics", metrics)]


async def _problem(name: str, check: Check) -> str | None:
    try:
        await check()
    except Exception as error:  # noqa: BLE001 - whatever a part raises, it does not work
        _log.warning("health.failed", part=name, error=str(error))
        return str(error) or type(error).__name__
    return None
