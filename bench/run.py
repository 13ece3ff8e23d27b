"""Runs measurements and shows what they found: `python -m bench.run [NAME…] [--json FILE]`."""

import asyncio
import json
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from bench import goosebit, mosquitto, nginx
from bench.figures import Figure, Measure
from bench.measures import (
    assignment,
    blocks,
    cancel,
    checkins,
    console,
    download,
    listing,
    logins,
    matching,
    materialise,
    memory,
    million,
    notices,
    point,
    polled_updates,
    pulls,
    reports,
    start,
    tls,
    updates,
    upload,
)

MEASURES: Final[Mapping[str, Measure]] = {
    "start": start.measure,
    "memory": memory.measure,
    "logins": logins.measure,
    "tls": tls.measure,
    "reports": reports.measure,
    "pulls": pulls.measure,
    "matching": matching.measure,
    "materialise": materialise.measure,
    "cancel": cancel.measure,
    "notices": notices.measure,
    "updates": updates.measure,
    "checkins": checkins.measure,
    "assignment": assignment.measure,
    "polled": polled_updates.measure,
    "listing": listing.measure,
    "upload": upload.measure,
    "download": download.measure,
    "blocks": blocks.measure,
    "capacity": point.measure,
}
WHEN_NAMED: Final[Mapping[str, Measure]] = {
    "idle": memory.measure_many,
    "fanout": notices.measure_many,
    "assigned": assignment.measure_many,
    "million": million.measure,
    "console": console.measure,
}
"""Measurements that take minutes: only when they are named."""
_MOST_SECONDS: Final = 600
_MOST_SECONDS_WHEN_NAMED: Final = 1_200

Name = StrEnum("Name", {name: name for name in (*MEASURES, *WHEN_NAMED)})  # type: ignore[misc] # made from the list above


def main(
    names: Annotated[
        list[Name] | None, typer.Argument(help="Which measurements; all of the short ones when none is named.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write every sample to this file.")] = None,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="An empty PostgreSQL database for `million`, instead of SQLite.")
    ] = None,
) -> None:
    """Measure a server on this machine and print what was found."""
    screen = Console()
    if database:
        os.environ["BENCH_DATABASE"] = database
    for peer in (mosquitto, nginx, goosebit):
        if peer.find() is None:
            screen.print(f"{peer.NAME} is not installed: nothing is compared with it.")
    results: dict[str, list[Figure]] = {}
    for name in names or MEASURES:
        began = time.monotonic()
        with screen.status(f"{name} …"):
            results[str(name)] = uvloop.run(_run(str(name)))
        screen.print(_table(results[str(name)], f"{name} ({time.monotonic() - began:.0f} s)"))
        if json_file:  # each time, so that what was found is kept when a later measurement fails
            json_file.write_text(json.dumps(_document(results), indent=1) + "\n", encoding="utf-8")


async def _run(name: str) -> list[Figure]:
    measure = MEASURES.get(name) or WHEN_NAMED[name]
    with tempfile.TemporaryDirectory(prefix="skyferry-bench-") as directory:
        async with asyncio.timeout(_MOST_SECONDS if name in MEASURES else _MOST_SECONDS_WHEN_NAMED):
            return await measure(Path(directory))


def _table(figures: Sequence[Figure], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for heading in ("min", "median", "max"):
        table.add_column(heading, justify="right")
    table.add_column("unit")
    table.add_column("times", justify="right")
    table.add_column("note")
    for figure in figures:
        values = (_number(value) for value in (figure.lowest, figure.median, figure.highest))
        table.add_row(figure.name, *values, figure.unit, str(len(figure.samples)), figure.note)
    return table


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def _document(results: Mapping[str, Sequence[Figure]]) -> dict[str, object]:
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version},
        "results": {name: [asdict(figure) for figure in figures] for name, figures in results.items()},
    }


if __name__ == "__main__":
    typer.run(main)
