"""Pictures of what was found: `python -m bench.plots OUT_DIR RESULTS.json…` writes `peers.svg` and `capacity.svg`.

The files are what `python -m bench.run … --json FILE` has written. Pictures are plain SVG, readable on light and dark
pages.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from xml.sax.saxutils import escape

import typer

from bench.capacity import Costs, Habits, needs_of

_WIDTH: Final = 760
_LABELS: Final = 330
_ROW: Final = 26
_TOP: Final = 46
_LINE: Final = 16
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#57606a}.strong{fill:#1f6feb}.weak{fill:#bc4c00}"
    ".line{stroke-width:3}.line.strong{stroke:#1f6feb}.line.weak{stroke:#bc4c00}.grid{stroke:#8b949e;stroke-opacity:.35}"
    ".one{stroke:#57606a}path{fill:none;stroke-width:2}"
)


@dataclass(frozen=True, slots=True)
class _Compared:
    """A ratio that is shown.

    Attributes:
        measure: who measured it.
        figure: how the measurement calls it.
        label: how the picture calls it.
        cost: it is a ratio of costs, of which less is better; it is turned round.
    """

    measure: str
    figure: str
    label: str
    cost: bool = True


_COMPARED: Final = (
    _Compared("checkins", "check-in, to one of gooseBit", "check-in · gooseBit"),
    _Compared(
        "assignment",
        "update given to 1,000 devices: both, to a rollout of gooseBit",
        "update for 1,000 · gooseBit, rollout",
    ),
    _Compared("assignment", "update given to 1,000 devices: both, to a list for gooseBit", "the same · gooseBit, list"),
    _Compared(
        "assigned",
        "update given to 10,000 devices: both, to a rollout of gooseBit",
        "update for 10,000 · gooseBit, rollout",
    ),
    _Compared("assigned", "update given to 10,000 devices: both, to a list for gooseBit", "the same · gooseBit, list"),
    _Compared("polled", "polled update, to one of gooseBit", "finished update · gooseBit"),
    _Compared("listing", "page of 50 devices, to gooseBit", "page of 50 devices · gooseBit"),
    _Compared("listing", "list of 1,000 devices, to gooseBit", "list of 1,000 devices · gooseBit"),
    _Compared("upload", "upload CPU, to gooseBit", "upload · gooseBit"),
    _Compared("download", "bytes per CPU second, to nginx", "download · nginx", cost=False),
    _Compared("logins", "log-ins to those of Mosquitto", "log-in · Mosquitto", cost=False),
    _Compared(
        "reports", "changed reports to messages of Mosquitto", "report, stored · Mosquitto, not stored", cost=False
    ),
    _Compared("notices", "notice to message of Mosquitto", "notice, with its task · Mosquitto, message"),
    _Compared("idle", "idle connection to one of Mosquitto", "memory of a connection · Mosquitto"),
    _Compared("materialise", "job for 10,000 devices, to the bare database", "job for 10,000 (time) · bare SQLite"),
    _Compared("cancel", "cancel 200 of 100,000, to the bare database", "cancel 200 of 100,000 (time) · bare SQLite"),
)


def main(directory: Path, results: Annotated[list[Path], typer.Argument(help="What the runs have written.")]) -> None:
    """Draw what runs have found."""
    found: dict[str, Any] = {}
    for path in results:
        found |= json.loads(path.read_text(encoding="utf-8"))["results"]
    (directory / "peers.svg").write_text(_peers(found), encoding="utf-8")
    (directory / "capacity.svg").write_text(_capacity(), encoding="utf-8")


def _peers(found: Mapping[str, Any]) -> str:
    """For each ratio a dot at the median and a line from the lowest to the highest sample."""
    shown = [(item, samples) for item in _COMPARED if (samples := _samples(found, item))]
    least = min(min(samples) for _, samples in shown)
    most = max(max(samples) for _, samples in shown)
    low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
    height = _TOP + _ROW * len(shown) + 14

    def place(value: float) -> float:
        return _LABELS + (math.log10(value) - low) / (high - low) * (_WIDTH - _LABELS - 70)

    parts = ['<text x="14" y="16">Times what the peer does for the same CPU time, memory or time</text>']
    for power in range(low, high + 1):
        x, kind = place(10.0**power), "one" if power == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{height - 10}"/>')
        parts.append(f'<text x="{x:.1f}" y="{_TOP - 14}" text-anchor="middle">{10.0**power:g}</text>')
    for number, (item, samples) in enumerate(shown):
        y = _TOP + _ROW * number + 12
        middle = sorted(samples)[len(samples) // 2]
        kind = "strong" if middle >= 1 else "weak"
        start, end = place(min(samples)), place(max(samples))
        parts += [
            f'<text x="{_LABELS - 14}" y="{y + 4}" text-anchor="end">{escape(item.label)}</text>',
            f'<line class="line {kind}" x1="{start:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}"/>',
            f'<circle class="{kind}" cx="{place(middle):.1f}" cy="{y}" r="5"/>',
            f'<text x="{end + 10:.1f}" y="{y + 4}">{middle:.2g}</text>',
        ]
    return _svg(height, parts)


def _samples(found: Mapping[str, Any], item: _Compared) -> list[float]:
    for figure in found.get(item.measure, ()):
        if figure["name"] == item.figure:
            return [1 / sample if item.cost else sample for sample in figure["samples"] if sample]
    return []


def _capacity() -> str:
    """Cores, memory and disk over the size of a fleet, both axes logarithmic."""
    sizes = [10.0 ** (4 + step / 10) for step in range(41)]
    needs = [needs_of(round(size), Habits(), Costs()) for size in sizes]
    series = {
        "cores, with a job": [need.gateway_cores + need.worker_cores for need in needs],
        "cores after an outage": [need.storm_cores for need in needs],
        "memory, GB": [need.memory_bytes / 1e9 for need in needs],
        "PostgreSQL, GB": [need.database_bytes / 1e9 for need in needs],
    }
    height, left, right, bottom, low, high = 360, 60, _WIDTH - 190, 320, -2, 3

    def across(size: float) -> float:
        return left + (math.log10(size) - 4) / 4 * (right - left)

    def up(value: float) -> float:
        return bottom - (math.log10(max(value, 10.0**low)) - low) / (high - low) * (bottom - 20)

    parts = []
    for power in range(4, 9):
        x = across(10.0**power)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="20" y2="{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{10**power:,}</text>')
    for power in range(low, high + 1):
        y = up(10.0**power)
        parts.append(f'<line class="grid" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    coloured = list(zip(series.items(), ("#1f6feb", "#bc4c00", "#2da44e", "#8250df"), strict=True))
    above = 0.0
    for (name, values), colour in sorted(coloured, key=lambda item: -item[0][1][-1]):
        above = max(up(values[-1]) + 4, above + _LINE)  # names keep apart
        parts.append(f'<path stroke="{colour}" d="{_path(sizes, values, across, up)}"/>')
        parts.append(f'<text x="{right + 8}" y="{above:.1f}" style="fill:{colour}">{name}</text>')
    parts.append(f'<text x="{(left + right) / 2}" y="{bottom + 38}" text-anchor="middle">devices</text>')
    return _svg(height, parts)


def _path(sizes: Sequence[float], values: Sequence[float], across: Any, up: Any) -> str:
    points = (f"{across(size):.1f} {up(value):.1f}" for size, value in zip(sizes, values, strict=True))
    return "M" + " L".join(points)


def _svg(height: int, parts: Sequence[str]) -> str:
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}">'
    return "\n".join([opening, f"<style>{_STYLE}</style>", *parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    typer.run(main)
