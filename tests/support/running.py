"""What the servers that tests start have in common."""

from abc import ABC, abstractmethod
from typing import Self


class Running(ABC):
    """Runs from the beginning of a `with` block to its end, whatever happens; nothing remains of a start that fails."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_raised: object) -> None:
        self.end()

    @abstractmethod
    def start(self) -> None:
        """Starts it, and returns when it answers."""

    @abstractmethod
    def end(self) -> None:
        """Ends it without any chance to tidy up, however far its start has come."""
