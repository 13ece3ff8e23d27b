"""What the download URLs of notices lead to, remembered for a moment: the devices of a job ask for the same file."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from skyferry.batching import Batcher
from skyferry.store import objects as statements
from skyferry.store.engine import Store
from skyferry.store.objects import StoredObject

_FRESH_SECONDS: Final = 1.0
"""For so long a file of a deleted package may still be found here, as by a request that came just before."""
_MOST: Final = 1_000
"""Objects that are remembered; of more the one that was looked up longest ago is forgotten."""


@dataclass(frozen=True, slots=True)
class _Known:
    item: StoredObject
    until: float


class RecentObjects:
    """Looks objects up, and does not ask again for what was found less than a second ago.

    An object that a package has is never replaced, so all that can change meanwhile is that it goes with its package.
    That there is no object of a key is not remembered.
    """

    def __init__(self, store: Store) -> None:
        """Knows nothing yet."""
        self._store = store
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lookups: Batcher[str, StoredObject | None] = Batcher(self._ask, most=_MOST)

    async def find(self, key: str) -> StoredObject | None:
        """The object of this key, as it is or was less than a second ago."""
        known = self._known.get(key)
        return known.item if known is not None and monotonic() < known.until else await self.look_up(key)

    async def look_up(self, key: str) -> StoredObject | None:
        """The object of this key, as it is. All who ask while one look-up runs share the next one."""
        return await self._lookups.submit(key)

    async def _ask(self, keys: Sequence[str]) -> Sequence[StoredObject | None]:
        until = monotonic() + _FRESH_SECONDS
        found = await self._store.read(statements.find_objects_of_urls, set(keys))
        for key in keys:
            self._known.pop(key, None)
        for key, item in found.items():
            self._known[key] = _Known(item, until)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return [found.get(key) for key in keys]
