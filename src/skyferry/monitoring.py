"""Whether the server works: what is checked, `/healthz`, `/readyz` and `/metrics`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from skyferry import outages

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


class Readiness:
    """Whether this process should be given work now: balancers ask."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        """Args: checks: a check for each part without which the process can do none of its work."""
        self._health = Health({**checks, "accepting": self._check_accepting})
        self._draining = False

    def drain(self) -> None:
        """The process is about to end: what is new shall go elsewhere."""
        self._draining = True

    async def look(self) -> Sequence[PartState]:
        """Checks every part."""
        return await self._health.look()

    async def _check_accepting(self) -> None:
        if self._draining:
            raise ConnectionError("The process is about to end.")


def routes(health: Health, readiness: Readiness) -> list[web.RouteDef]:
    """The routes."""

    async def healthz(_request: web.Request) -> web.Response:
        return _told(await health.look())

    async def readyz(_request: web.Request) -> web.Response:
        return _told(await readiness.look())

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)]


def _told(parts: Sequence[PartState]) -> web.Response:
    # The sentences are not told: these pages are open to everyone who reaches the port.
    states = {part.name: "ok" if part.problem is None else "failed" for part in parts}
    works = set(states.values()) == {"ok"}
    body = {"status": "ok" if works else "unavailable", **states}
    return web.json_response(body, status=200 if works else _UNAVAILABLE)


async def _problem(name: str, check: Check) -> str | None:
    try:
        await check()
    except Exception as error:  # noqa: BLE001 - whatever a part raises, it does not work
        _log.warning("health.failed", part=name, **outages.cause(error))
        return str(error) or type(error).__name__
    return None
