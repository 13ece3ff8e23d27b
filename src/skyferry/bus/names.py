"""The subjects of one installation, so that several can share a NATS."""

from dataclasses import dataclass
from typing import Final

PARTS: Final = 16
"""Parts of the stream of reports; fixed for ever, since a device's reports must stay in one part."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names that an installation uses on NATS.

    Attributes:
        installation: tells it from others; letters and digits.
    """

    installation: str

    @property
    def stream(self) -> str:
        """The stream of reports."""
        return f"skyferry-{self.installation}-reports"

    @property
    def all_reports(self) -> str:
        """What the stream captures."""
        return f"skyferry.{self.installation}.reports.*"

    @property
    def hints(self) -> str:
        """What any process tells all others."""
        return f"skyferry.{self.installation}.hints"

    @property
    def progress(self) -> str:
        """How far workers have applied the parts of the stream."""
        return f"skyferry.{self.installation}.progress"

    @property
    def all_commands(self) -> str:
        """Commands to every process with devices."""
        return self.commands("all")

    def reports(self, part: int) -> str:
        """The reports of one part."""
        return f"skyferry.{self.installation}.reports.{part}"

    def commands(self, process: str) -> str:
        """Commands to the devices of one process."""
        return f"skyferry.{self.installation}.commands.{process}"


def part_of(device_id: int) -> int:
    """The part that the reports of a device belong to."""
    return device_id % PARTS
