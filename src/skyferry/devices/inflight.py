"""The pushes of one connection that are without PUBACK: their packet ids, and how many there may be at a time."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from skyferry.devices.outbound import Outbox

_PACKET_IDS: Final = 65_535


class InFlight:
    """Shared by the outboxes of a connection: the device's own, and those of the sub-devices behind it.

    What does not fit waits in the outboxes, which are served in the order in which they asked. So the bytes that wait
    for a gateway do not grow with the number of its sub-devices.
    """

    __slots__ = ("_last_id", "_most", "_unacknowledged", "_waiting")

    def __init__(self, most: int) -> None:
        """Args: most: pushes that may be without PUBACK on the connection."""
        self._most = min(most, _PACKET_IDS)
        self._last_id = 0
        self._unacknowledged: dict[int, tuple[Outbox, int | None]] = {}
        self._waiting: dict[Outbox, None] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether every push has its PUBACK."""
        return not self._unacknowledged

    def serve(self, outbox: "Outbox") -> None:
        """Lets an outbox send what it holds: now, or when its turn comes."""
        if self._waiting is None:
            self._waiting = {}
        self._waiting[outbox] = None
        self._go_on()

    def take(self, outbox: "Outbox", task_id: int | None) -> int:
        """A packet id for a push of an outbox, which counts until it is acknowledged. There must be room for it."""
        while True:
            self._last_id = self._last_id % _PACKET_IDS + 1
            if self._last_id not in self._unacknowledged:
                self._unacknowledged[self._last_id] = (outbox, task_id)
                return self._last_id

    def acknowledged(self, packet_id: int) -> None:
        """The other end has a push: there is room for another one."""
        found = self._unacknowledged.pop(packet_id, None)
        if found is not None:
            found[0].acknowledged()
            self._go_on()

    def leave(self, outbox: "Outbox") -> list[int | None]:
        """Forgets an outbox and gives the tasks of its pushes that were not acknowledged."""
        if self._waiting is not None:
            self._waiting.pop(outbox, None)
        left = {packet_id: task for packet_id, (owner, task) in self._unacknowledged.items() if owner is outbox}
        for packet_id in left:
            del self._unacknowledged[packet_id]
        return list(left.values())

    def _go_on(self) -> None:
        # A push that finds the connection full ends it, and with it everything that waits here.
        while self._waiting and len(self._unacknowledged) < self._most:
            outbox = next(iter(self._waiting))
            if not outbox.push_next():
                self._waiting.pop(outbox, None)
        if not self._waiting:
            self._waiting = None
