"""Used nonces of all processes together: a request that one has taken is accepted by no other.

The times are those of the requests and of the process that reads them: whether a request is fresh is decided by the
same clock, and a nonce is kept for longer than clocks differ (`skyferry.scheduler.chores`).
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal

from skyferry.store import used_nonces
from skyferry.store.engine import Store

_MINUTE_MS: Final = 60_000
_FINGERPRINT_BYTES: Final = 8
_PART: Final = 100
"""An access key's nonces are counted anew after a hundredth of what may be remembered: there may be so many more."""


@dataclass(slots=True)
class _Tally:
    """What this process knows of an access key.

    Attributes:
        added: nonces that it has remembered since all of the key's were counted.
        expires_ms: when the last of them expires.
        full_until_ms: until when it takes for granted that there are too many.
    """

    added: int = 0
    expires_ms: int = 0
    full_until_ms: int = 0


class SharedNonces:
    """Remembers nonces in PostgreSQL, with a statement for each. See `skyferry.rpc.nonces.Nonces`."""

    def __init__(self, store: Store, key: bytes, *, most_per_key: int = 500_000) -> None:
        """Remembers nothing of its own yet.

        Args:
            store: where they are remembered.
            key: what fingerprints are made with; the same in every process, and known to nobody else.
            most_per_key: how many are remembered of one access key.
        """
        self._store = store
        self._key = key
        self._most = most_per_key
        self._count_after = max(most_per_key // _PART, 1)
        self._tallies: dict[str, _Tally] = {}
        self._swept_minute = 0

    async def use(
        self, access_key_id: str, nonce: str, *, now_ms: int, expires_ms: int
    ) -> Literal["new", "used", "full"]:
        """See `Nonces.use`."""
        self._sweep(now_ms)
        tally = self._tallies.setdefault(access_key_id, _Tally())
        tally.expires_ms = max(tally.expires_ms, expires_ms)
        if not await self._has_room(access_key_id, tally, now_ms):
            return "full"
        if not await self._store.write(used_nonces.add, access_key_id, self._fingerprint(nonce), expires_ms):
            return "used"
        tally.added += 1
        return "new"

    async def _has_room(self, access_key_id: str, tally: _Tally, now_ms: int) -> bool:
        if now_ms < tally.full_until_ms <= now_ms + _MINUTE_MS:
            return False
        if tally.added >= self._count_after:
            tally.added = 0
            if await self._store.read(used_nonces.count, access_key_id, now_ms) >= self._most:
                tally.added = self._count_after
                tally.full_until_ms = now_ms + _MINUTE_MS
                return False
        return True

    def _sweep(self, now_ms: int) -> None:
        minute = now_ms // _MINUTE_MS
        if minute != self._swept_minute:
            self._swept_minute = minute
            self._tallies = {key: tally for key, tally in self._tallies.items() if tally.expires_ms >= now_ms}

    def _fingerprint(self, nonce: str) -> bytes:
        return hashlib.blake2b(nonce.encode(), digest_size=_FINGERPRINT_BYTES, key=self._key).digest()
