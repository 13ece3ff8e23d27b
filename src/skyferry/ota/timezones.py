"""Windows in each device's own time zone: the zone is the device's tag `timezone`, UTC when it has none."""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Final

from sqlalchemy import Connection

from skyferry.ota import controls, windows
from skyferry.store import tags
from skyferry.store import tasks as statements
from skyferry.store.jobs import JobRecord
from skyferry.store.tasks import ChangedTask

TAG: Final = "timezone"


def postpone_closed(tx: Connection, job: JobRecord, due: Sequence[ChangedTask], now: int) -> Sequence[ChangedTask]:
    """Moves the pushes of devices whose window is closed to its opening, and returns the others."""
    told = controls.of(job)
    if not told.windows or told.window_time_zone != controls.DEVICE or not due:
        return due
    zones = tags.values_of(tx, [task.device_id for task in due], TAG)
    closed: dict[int, list[int]] = {}
    open_now: list[ChangedTask] = []
    for task in due:
        opens_at = windows.next_open(told.windows, _zone(zones.get(task.device_id)), now)
        if opens_at > now:
            closed.setdefault(opens_at, []).append(task.id)
        else:
            open_now.append(task)
    for opens_at, keys in closed.items():
        statements.postpone(tx, keys, until=opens_at)
    return open_now


def opens_at(tx: Connection, job: JobRecord, device_id: int, now: int) -> int:
    """When a device that asks for its package may have it: now, or when the job's next window opens for it."""
    told = controls.of(job)
    if not told.windows or told.window_time_zone != controls.DEVICE:
        return windows.opens_at(told, now)
    zones = tags.values_of(tx, [device_id], TAG)
    return windows.next_open(told.windows, _zone(zones.get(device_id)), now)


def _zone(name: str | None) -> tzinfo:
    return (controls.zone(name) if name else None) or UTC
