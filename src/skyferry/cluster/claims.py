"""Which work is this process's to do."""

from collections.abc import Collection
from typing import Protocol


class Claims(Protocol):
    """Shares work among the processes that could do it."""

    async def hold(self, names: Collection[str]) -> frozenset[str]:
        """Of the work named, what is this process's to do until about the next call.

        Args:
            names: all work of one kind that there is: `reports:3`, `courier:17`, `chore:select`. It is shared fairly
                within the kind. What is no more among the names is no more held.
        """
        ...


class Alone:
    """A process that is alone does all the work."""

    async def hold(self, names: Collection[str]) -> frozenset[str]:
        """See `Claims.hold`."""
        return frozenset(names)
