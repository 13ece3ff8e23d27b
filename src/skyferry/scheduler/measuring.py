"""What only the database knows, for `/metrics`: every worker tells it of all processes together."""

from typing import Final

from skyferry.clock import Clock
from skyferry.scheduler import metrics
from skyferry.scheduler.chores import Chore, every
from skyferry.store import operating
from skyferry.store.engine import Store

_SECONDS: Final = 15
_COUNTED_UP_TO: Final = 10_000


def measuring(store: Store, clock: Clock) -> Chore:
    """The chore that looks every few seconds at what waits for business servers."""

    async def measure() -> bool:
        waiting = await store.read(operating.waiting_events, _COUNTED_UP_TO)
        metrics.EVENTS_WAITING.set(waiting.number)
        metrics.EVENTS_DEAD.set(waiting.dead)
        age_ms = 0 if waiting.since is None else max(clock.now_ms() - waiting.since, 0)
        metrics.EVENTS_OLDEST.set(age_ms / 1_000)
        return False

    return every(_SECONDS, clock, measure)
