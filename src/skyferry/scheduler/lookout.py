"""Sees what there is to do before the worker does it: a worker without work asks the database one question a second."""

from typing import Final

from sqlalchemy import Connection

from skyferry.clock import Clock
from skyferry.ota import dispatch
from skyferry.store import lookout
from skyferry.store.engine import Store
from skyferry.store.lookout import Waiting

_NOTHING: Final = Waiting()


class Lookout:
    """What waited at the last look.

    Attributes:
        waiting: what the chores have to do.
        push_at: when the next push is due, in milliseconds since the Unix epoch; None when none waits.
        push_is_due: whether it was due then.
        acted: whether a chore had something to do since the look: it may have made something else due.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        """Has seen nothing yet: nothing waits."""
        self._store = store
        self._clock = clock
        self._see(_NOTHING, None)

    async def look(self) -> None:
        """Looks anew.

        Raises:
            Exception: whatever the store raises; then nothing waits until the next look.
        """
        self._see(_NOTHING, None)
        now = self._clock.now_ms()
        waiting, push_at = await self._store.read(_look, now)
        self._see(waiting, push_at, push_is_due=push_at is not None and push_at <= now)

    def _see(self, waiting: Waiting, push_at: int | None, *, push_is_due: bool = False) -> None:
        self.waiting = waiting
        self.push_at = push_at
        self.push_is_due = push_is_due
        self.acted = False


def _look(tx: Connection, now: int) -> tuple[Waiting, int | None]:
    return lookout.look(tx, now), dispatch.next_due_at(tx)
