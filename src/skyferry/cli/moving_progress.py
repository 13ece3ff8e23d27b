"""What `skyferry import` shows: the plan, how far it is, and the report."""

from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from skyferry.moving.report import NEVER_TOLD, Kind, Outcome, Report
from skyferry.moving.survey import Plan

_SHOWN_EXAMPLES: Final = 5


class MovingProgress:
    """A bar for each kind of thing; nothing where nobody looks at a terminal."""

    def __init__(self, console: Console) -> None:
        """Args: console: where it is shown."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[Kind, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, kind: Kind, total: int) -> None:
        """Adds a bar."""
        self._tasks[kind] = self._bars.add_task(kind.value, total=total)

    def advance(self, kind: Kind, number: int = 1) -> None:
        """Moves a bar on; what nobody counted beforehand has none."""
        if kind in self._tasks:
            self._bars.advance(self._tasks[kind], number)


def show_plan(console: Console, plan: Plan, share: float, *, tags: bool) -> None:
    """What there is to copy."""
    table = Table(title="To copy")
    for title in ("ProductKey", "Name", "Devices", "Log-in"):
        table.add_column(title, justify="right" if title == "Devices" else "left", overflow="fold")
    for product in plan.products:
        cells = (product.product_key, product.product_name, str(product.device_count), product.auth_type or "secret")
        table.add_row(*map(Text, cells))
    console.print(table)
    duration = timedelta(seconds=round(plan.seconds(share, tags=tags)))
    console.print(
        f"{len(plan.products)} products, {plan.devices} devices, {len(plan.packages)} packages "
        f"({decimal(plan.package_bytes)} or more), {len(plan.groups)} groups, {len(plan.dynamic_groups)} dynamic"
        f" groups; the devices take about {duration} if none is here yet.",
        highlight=False,
        soft_wrap=True,
    )


def show_report(console: Console, report: Report, *, dry: bool) -> None:
    """What was done, and what is left to do."""
    if not dry:
        _show_counts(console, report)
    for problem in report.problems:
        names = ", ".join(problem.examples[:_SHOWN_EXAMPLES])
        more = problem.count - min(len(problem.examples), _SHOWN_EXAMPLES)
        further = f" and {more} more" if more > 0 else ""
        _say(console, f"{problem.kind} ({problem.count}): {problem.reason}", "yellow")
        _say(console, f"    {names}{further}")
        _say(console, f"    What to do: {problem.remedy}")
    _say(console, "The API tells nothing of these, whatever the platform:")
    for what, remedy in NEVER_TOLD:
        _say(console, f"    {what}: {remedy}")
    if report.stopped is not None:
        _say(console, report.stopped, "red")


def _show_counts(console: Console, report: Report) -> None:
    table = Table()
    table.add_column("")
    for outcome in Outcome:
        table.add_column(outcome.value, justify="right")
    for kind in Kind:
        table.add_row(kind.value, *(str(report.number(kind, outcome)) for outcome in Outcome))
    console.print(table)


def _say(console: Console, sentence: str, style: str | None = None) -> None:
    console.print(Text(sentence), style=style, soft_wrap=True)
