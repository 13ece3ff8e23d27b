"""The pages: a module for each area of the console."""

from typing import Final

from skyferry.console.pages import jobs, overview, packages, preferences, sessions
from skyferry.console.routing import Route

PAGES: Final[tuple[Route, ...]] = tuple(
    route for module in (jobs, overview, packages, preferences, sessions) for route in module.pages.routes
)
