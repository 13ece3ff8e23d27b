"""Maintenance windows: whether one is open, and when the next one opens."""

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final

from cronsim import CronSim

from skyferry.clock import moment
from skyferry.ota.controls import DEVICE, Controls, Window, zone

_SECOND: Final = timedelta(seconds=1)


def opens_at(controls: Controls, now: int) -> int:
    """When pushes may go out next, by windows that are the same for all devices: now while one is open.

    Windows in each device's own time zone leave the job itself open.

    Args:
        controls: of a job.
        now: milliseconds since the Unix epoch, as what is returned.
    """
    if not controls.windows or controls.window_time_zone == DEVICE:
        return now
    where = zone(controls.window_time_zone)
    return now if where is None else next_open(controls.windows, where, now)


def next_open(windows: Iterable[Window], where: tzinfo, now: int) -> int:
    """Now when one of the windows is open in a time zone, or the moment at which the next one opens."""
    here = moment(now).astimezone(where)
    begins: list[datetime] = []
    for window in windows:
        # The simulation looks at moments strictly before the given one.
        last = next(CronSim(window.cron, here.replace(microsecond=0) + _SECOND, reverse=True), None)
        if last is not None and here < last + timedelta(minutes=window.minutes):
            return now
        begins.append(next(CronSim(window.cron, here)))
    return round(min(begins).timestamp() * 1_000)
