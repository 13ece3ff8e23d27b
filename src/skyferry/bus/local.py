"""The bus of a single process: calls instead of messages."""

from collections.abc import Awaitable, Sequence

from skyferry.bus.interface import CommandHandler, DownloadHandler, ReportHandler, WakeHandler
from skyferry.bus.messages import Command, Downloaded, Report


class LocalBus:
    """Connects the roles of one process. The composition root attaches the handlers before any message flows."""

    def __init__(self) -> None:
        self._on_report: ReportHandler | None = None
        self._on_command: CommandHandler | None = None
        self._on_wake: WakeHandler | None = None
        self._on_download: DownloadHandler | None = None

    def attach_worker(self, on_report: ReportHandler, on_wake: WakeHandler) -> None:
        """Names the functions of the worker role."""
        self._on_report = on_report
        self._on_wake = on_wake

    def attach_downloads(self, on_download: DownloadHandler) -> None:
        """Names who counts what was sent."""
        self._on_download = on_download

    def attach_gateway(self, on_command: CommandHandler) -> None:
        """Names the function of the gateway role."""
        self._on_command = on_command

    def report(self, report: Report) -> Awaitable[None]:
        """See `Bus.report`."""
        if self._on_report is None:
            raise ConnectionError("No worker is attached to the bus.")
        return self._on_report(report)

    async def command(self, commands: Sequence[Command]) -> None:
        """See `Bus.command`."""
        if self._on_command is None:
            raise ConnectionError("No gateway is attached to the bus.")
        await self._on_command(commands)

    def downloaded(self, count: Downloaded) -> None:
        """See `Bus.downloaded`."""
        if self._on_download is not None:
            self._on_download(count)

    def wake(self) -> None:
        """See `Bus.wake`."""
        if self._on_wake is not None:
            self._on_wake()

    async def check(self) -> None:
        """See `Bus.check`."""
        if self._on_report is None or self._on_command is None:
            raise ConnectionError("The bus of this process is not connected.")
