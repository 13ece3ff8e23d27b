"""How numbers, times and sizes are written for a person."""

from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup

from skyferry.console import languages

zone: ContextVar[ZoneInfo | None] = ContextVar("zone", default=None)
"""The time zone of the person who looks at the page; None: not known yet, times are in UTC."""
_NOTHING: Final = Markup('<span class="muted">-</span>')
_KIB: Final = 1_024
_UNITS: Final = ("B", "KiB", "MiB", "GiB")


def read_zone(name: str | None) -> ZoneInfo | None:
    """The time zone of this name; None when there is none."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def number(value: int | None) -> str | Markup:
    """12,345."""
    return _NOTHING if value is None else format_decimal(value, locale=languages.current.get())


def percent(share: float | None) -> str | Markup:
    """12.3 % of a share between 0 and 1."""
    return _NOTHING if share is None else format_percent(share, "#,##0.#%", locale=languages.current.get())


def size(value: int | None) -> str | Markup:
    """A number of bytes."""
    if value is None:
        return _NOTHING
    amount, unit = float(value), 0
    while amount >= _KIB and unit < len(_UNITS) - 1:
        amount, unit = amount / _KIB, unit + 1
    return f"{format_decimal(round(amount, 1), locale=languages.current.get())} {_UNITS[unit]}"


def time(value: str | int | None) -> Markup:
    """A moment in the person's zone, with the time in UTC for those who point at it.

    Args:
        value: milliseconds since the epoch, or ISO 8601 as the API answers it.
    """
    if value is None or value == "":
        return _NOTHING
    moment = moment_of(value)
    local = moment.astimezone(zone.get() or UTC)
    shown = format_datetime(local, "yyyy-MM-dd HH:mm:ss", locale=languages.current.get())
    utc = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(utc, shown)


def duration(seconds: int) -> str:
    """3 hours: how long something took or lasts, roughly."""
    return format_timedelta(timedelta(seconds=seconds), threshold=1.5, locale=languages.current.get())


def moment_of(value: str | int) -> datetime:
    """A moment as the API answers it: milliseconds since the epoch, or ISO 8601 in UTC."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1_000, UTC)
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
