"""Tells the gateways which tasks have ended, however they did: a push that waits for its device must not go out."""

import asyncio
from collections.abc import Sequence

from skyferry.bus.interface import Bus
from skyferry.bus.messages import WithdrawPush
from skyferry.clock import Clock
from skyferry.ota import changes
from skyferry.store.engine import Store


class Withdrawals:
    """Withdraws the pushes of tasks as soon as the transaction that ended them is committed."""

    def __init__(self, store: Store, bus: Bus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()
        store.listen(changes.ENDED, self._withdraw)

    async def drain(self) -> None:
        """Waits until all is told."""
        await asyncio.gather(*self._running)

    def _withdraw(self, ended: Sequence[tuple[int, int]]) -> None:
        now = self._clock.now_ms()
        commands = [WithdrawPush(device_id, task_id, now) for device_id, task_id in ended]
        task = asyncio.get_running_loop().create_task(self._bus.command(commands))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
