"""The pages: a module for each area of the console."""

from typing import Final

from skyferry.console.pages import device_changes, devices, jobs, overview, packages, preferences, products, sessions
from skyferry.console.routing import Route

_MODULES: Final = (
    device_changes,
    devices,
    jobs,
    overview,
    packages,
    preferences,
    products,
    sessions,
)
PAGES: Final[tuple[Route, ...]] = tuple(route for module in _MODULES for route in module.pages.routes)
