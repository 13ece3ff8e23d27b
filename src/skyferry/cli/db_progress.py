"""How far `skyferry db move` is: a bar on a terminal, a line for each table elsewhere."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text


class StepProgress:
    """One bar for each step."""

    def __init__(self, console: Console) -> None:
        """Args: console: where it is shown."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("{task.fields[detail]}"),
        )
        self._console = console
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)
        self._bar: TaskID | None = None
        self._step, self._detail, self._number = "", "", 0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end_line()
        self._bars.stop()

    def begin(self, step: str, total: int) -> None:
        """A step begins that has so many parts."""
        self._end_line()
        self._step, self._bar = step, self._bars.add_task(step, total=total, detail="")

    def advance(self, number: int, detail: str) -> None:
        """So many further ones of them are done, in a table or file of this name."""
        if detail != self._detail:
            self._end_line()
        self._detail, self._number = detail, self._number + number
        if self._bar is not None:
            self._bars.update(self._bar, advance=number, detail=detail)

    def _end_line(self) -> None:
        """Where nobody looks at a terminal: a line for what has ended, unless there was nothing."""
        if self._number and not self._console.is_terminal:
            self._console.print(Text(f"{self._step}: {self._detail} {self._number}"), soft_wrap=True)
        self._detail, self._number = "", 0
