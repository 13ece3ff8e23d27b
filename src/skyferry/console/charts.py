"""Charts: what ECharts is told, as JSON values. Colours are names of CSS variables, which the script looks up."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from babel.dates import format_datetime

from skyferry.console import formats, languages
from skyferry.console.languages import translate as _

Options = Mapping[str, Any]

_GRID: Final = {"left": 8, "right": 12, "top": 12, "bottom": 8, "containLabel": True}
_TEXT: Final = {"color": "var(--pico-color)"}
_LINES: Final = {"lineStyle": {"color": "var(--pico-muted-border-color)"}}
_PALETTE: Final = ["var(--run)", "var(--good)", "var(--wait)", "var(--bad)", "var(--still)", "var(--pico-primary)"]


def outcomes(periods: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> Options:
    """Successes and failures over time, as stacked bars.

    Args:
        periods: with `Succeeded` and `Failed`, as QueryOTAStatistics answers them.
        labels: what stands below each.
    """
    return _chart() | {
        "grid": _GRID,
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": list(labels), "axisLabel": _TEXT, "axisLine": _LINES},
        "yAxis": {"type": "value", "minInterval": 1, "axisLabel": _TEXT, "splitLine": _LINES},
        "series": [
            _stacked(_("Succeeded"), [period["Succeeded"] for period in periods], "var(--good)"),
            _stacked(_("Failed"), [period["Failed"] for period in periods], "var(--bad)"),
        ],
    }


def bars(counts: Sequence[tuple[str, int]]) -> Options:
    """A horizontal bar for each name, the first one at the top."""
    return _chart() | {
        "grid": _GRID,
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "value", "minInterval": 1, "axisLabel": _TEXT, "splitLine": _LINES},
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": [name for name, _number in counts],
            "axisLabel": _TEXT,
            "axisLine": _LINES,
        },
        "series": [{"type": "bar", "barMaxWidth": 28, "data": [number for _name, number in counts]}],
    }


def donut(parts: Sequence[tuple[str, int, str]]) -> Options:
    """A ring of parts: the name, the number and the colour of each."""
    data = [{"name": name, "value": number, "itemStyle": {"color": color}} for name, number, color in parts]
    return _chart() | {
        "tooltip": {"trigger": "item"},
        "series": [
            {
                "type": "pie",
                "radius": ["58%", "86%"],
                "label": {"show": False},
                "data": data,
            }
        ],
    }


def legend(options: Options) -> Sequence[tuple[str, str]]:
    """The name and the colour of each thing that a chart tells apart by its colour; nothing when it has but one."""
    named = [item for series in options["series"] for item in (series, *series["data"]) if _is_coloured(item)]
    return [(item["name"], item["itemStyle"]["color"]) for item in named]


def _is_coloured(item: Any) -> bool:
    return isinstance(item, Mapping) and "name" in item and "itemStyle" in item


def every_period(
    found: Sequence[Mapping[str, Any]], *, since_ms: int, until_ms: int, hours: int
) -> list[Mapping[str, Any]]:
    """The periods of QueryOTAStatistics with those in which nothing happened.

    Args:
        found: what was answered.
        since_ms: the begin, in milliseconds since the epoch.
        until_ms: the end.
        hours: how long a period is.
    """
    known = {period["UtcTime"]: period for period in found}
    step = timedelta(hours=hours)
    length_ms = hours * 3_600_000
    moment = datetime.fromtimestamp(since_ms // length_ms * length_ms / 1_000, UTC)
    periods: list[Mapping[str, Any]] = []
    while moment.timestamp() * 1_000 < until_ms:
        time = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        periods.append(known.get(time, {"UtcTime": time, "Succeeded": 0, "Failed": 0}))
        moment += step
    return periods


def label(utc_time: str, *, hours: int) -> str:
    """What stands below a period: the hour in the person's zone, or the day, which is one of UTC."""
    moment = datetime.fromisoformat(utc_time)
    if hours == 1:
        return format_datetime(moment.astimezone(formats.zone.get() or UTC), "HH:mm", locale=languages.current.get())
    return format_datetime(moment, "MM-dd", locale=languages.current.get())


def _chart() -> dict[str, Any]:
    return {"animation": False, "color": _PALETTE}


def _stacked(name: str, data: Sequence[int], color: str) -> Mapping[str, Any]:
    return {
        "name": name,
        "type": "bar",
        "stack": "tasks",
        "barMaxWidth": 28,
        "data": list(data),
        "itemStyle": {"color": color},
    }
