"""The pages: a module for each area of the console."""

from typing import Final

from skyferry.console.pages import (
    analysis,
    audit,
    device_changes,
    devices,
    groups,
    job_control,
    job_creation,
    jobs,
    modules,
    overview,
    package_changes,
    packages,
    preferences,
    products,
    registrations,
    sessions,
    uploads,
)
from skyferry.console.routing import Route

_MODULES: Final = (
    analysis,
    audit,
    device_changes,
    devices,
    groups,
    job_control,
    job_creation,
    jobs,
    modules,
    overview,
    package_changes,
    packages,
    preferences,
    products,
    registrations,
    sessions,
    uploads,
)
PAGES: Final[tuple[Route, ...]] = tuple(route for module in _MODULES for route in module.pages.routes)
