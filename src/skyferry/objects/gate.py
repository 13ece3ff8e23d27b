"""Who may download now: a bounded number at once, in all and of each client, and the others in a fair queue.

Clients take turns, so that a site with a thousand devices does not keep the one device of another waiting.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv6Address, ip_address
from typing import Final

from skyferry.objects import metrics
from skyferry.objects.errors import slow_down
from skyferry.objects.limits import ServingLimits
from skyferry.objects.pace import Pace

_SITE_BITS: Final = 64


def client_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the part of an IPv6 address that a site shares."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return f"{int(found) >> _SITE_BITS:x}/{_SITE_BITS}"
        found = found.ipv4_mapped
    return str(found)


class Passage:
    """One download that is being answered.

    Attributes:
        sent: how many bytes of the file were handed to the client's connection.
    """

    def __init__(self, gate: "Gate", client: str) -> None:
        self.sent = 0
        self._gate = gate
        self._client = client

    async def allow(self, most: int) -> int:
        """Waits until some bytes may be sent, and says how many: at least one, at most so many."""
        return await self._gate.pace(self._client, most)


class Gate:
    """Lets downloads in. Nothing here may be used by two threads."""

    def __init__(self, limits: ServingLimits) -> None:
        self._limits = limits
        self._active = 0
        self._active_of: Counter[str] = Counter()
        self._waiting = 0
        self._waiting_of: dict[str, deque[asyncio.Future[None]]] = {}
        self._turns: OrderedDict[str, None] = OrderedDict()
        """Clients that wait and are below their own limit, by whose turn it is."""
        self._pace = Pace(limits.bytes_per_second) if limits.bytes_per_second else None
        self._pace_of: dict[str, Pace] = {}

    @asynccontextmanager
    async def passage(self, address: str) -> AsyncIterator[Passage]:
        """Lets a download in for as long as the block runs.

        Args:
            address: the IP address that the request came from.

        Raises:
            ObjectError: `SlowDown`: too many others are before it.
        """
        client = client_of(address)
        await self._enter(client)
        metrics.ACTIVE.inc()
        try:
            yield Passage(self, client)
        finally:
            metrics.ACTIVE.dec()
            self._leave(client)

    async def pace(self, client: str, most: int) -> int:
        """Waits until a client's download may send something, and says how many bytes."""
        rate = self._limits.client_bytes_per_second
        if rate:
            own = self._pace_of.setdefault(client, Pace(rate))
            most = await own.take(most, sharers=self._active_of[client])
        return await self._pace.take(most, sharers=self._active) if self._pace else most

    async def _enter(self, client: str) -> None:
        if self._active < self._limits.most_at_once and self._may_enter(client):
            self._count_in(client)
            return
        if self._waiting >= self._limits.most_waiting:
            raise slow_down(self._limits.retry_seconds)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting_of.setdefault(client, deque()).append(turn)
        self._count_waiting(1)
        if self._may_enter(client):
            self._turns.setdefault(client)
        try:
            async with asyncio.timeout(self._limits.wait_seconds):
                await turn
        except BaseException as error:
            self._give_up(client, turn)
            if isinstance(error, TimeoutError):
                raise slow_down(self._limits.retry_seconds) from None
            raise

    def _give_up(self, client: str, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self._leave(client)  # its turn came in the moment in which it gave up
            return
        queue = self._waiting_of.get(client)
        if queue is not None and turn in queue:
            queue.remove(turn)
            self._count_waiting(-1)
            self._forget_if_empty(client, queue)

    def _leave(self, client: str) -> None:
        self._active -= 1
        self._active_of[client] -= 1
        if not self._active_of[client]:
            del self._active_of[client]
            self._pace_of.pop(client, None)
        if client in self._waiting_of:
            self._turns.setdefault(client)
        while self._turns and self._active < self._limits.most_at_once:
            self._admit_next()

    def _admit_next(self) -> None:
        client, _ = self._turns.popitem(last=False)
        queue = self._waiting_of[client]
        turn = queue.popleft()
        self._count_waiting(-1)
        self._forget_if_empty(client, queue)
        if not turn.done():
            self._count_in(client)
            turn.set_result(None)
        if queue and self._may_enter(client):
            self._turns[client] = None

    def _may_enter(self, client: str) -> bool:
        return self._active_of[client] < self._limits.most_of_client

    def _count_in(self, client: str) -> None:
        self._active += 1
        self._active_of[client] += 1

    def _count_waiting(self, more: int) -> None:
        self._waiting += more
        metrics.WAITING.inc(more)

    def _forget_if_empty(self, client: str, queue: deque[asyncio.Future[None]]) -> None:
        if not queue:
            del self._waiting_of[client]
            self._turns.pop(client, None)
