"""The pages: a module for each area of the console."""

from typing import Final

from skyferry.console.pages import (
    access,
    analysis,
    audit,
    device_changes,
    devices,
    events,
    groups,
    job_changes,
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
    server,
    sessions,
    simulation,
    task_control,
    uploads,
    verification,
)
from skyferry.console.routing import Route

_MODULES: Final = (
    access,
    analysis,
    audit,
    device_changes,
    devices,
    events,
    groups,
    job_changes,
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
    server,
    sessions,
    simulation,
    task_control,
    uploads,
    verification,
)
PAGES: Final[tuple[Route, ...]] = tuple(route for module in _MODULES for route in module.pages.routes)
