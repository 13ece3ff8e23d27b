"""The interface that every bus has."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from skyferry.bus.messages import Command, Downloaded, Report


class Bus(Protocol):
    """Carries reports from gateways to workers, commands from workers to gateways, and wakes workers."""

    def report(self, report: Report) -> Awaitable[None]:
        """Hands a report to the workers, in order per device; ends when the report is stored for good.

        The report is queued when this returns, so the caller need not await the result to keep the order.
        """
        ...

    async def command(self, commands: Sequence[Command]) -> None:
        """Hands commands to the gateways that hold the devices. What no gateway can deliver is reported back."""
        ...

    def downloaded(self, count: Downloaded) -> None:
        """Counts what was downloaded for a task; stored soon, lost when the process is killed. Never blocks."""
        ...

    def wake(self) -> None:
        """Tells the workers that there may be something due: a new job, a released task. Never blocks."""
        ...

    async def check(self) -> None:
        """Returns when the bus works.

        Raises:
            ConnectionError: it does not.
        """
        ...


ReportHandler = Callable[[Report], Awaitable[None]]
CommandHandler = Callable[[Sequence[Command]], Awaitable[None]]
DownloadHandler = Callable[[Downloaded], None]
WakeHandler = Callable[[], None]
