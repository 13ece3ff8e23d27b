"""Used nonces: no signed request is accepted a second time while its timestamp is within the window (§1.7)."""

import hashlib
import secrets
from typing import Final, Literal, Protocol

_MINUTE_MS: Final = 60_000
_FINGERPRINT_BYTES: Final = 8


Use = Literal["new", "used", "full"]
"""What came of a nonce: it is remembered now, it was sent before, or its access key has as many as are remembered."""


class Nonces(Protocol):
    """Remembers the nonces of each access key until the requests that carried them have expired."""

    async def use(self, access_key_id: str, nonce: str, *, now_ms: int, expires_ms: int) -> Use:
        """Remembers a nonce, unless it was sent before or there is no room.

        Args:
            access_key_id: who sent it.
            nonce: what was sent.
            now_ms: the time now; what has expired by then may be forgotten.
            expires_ms: when the request's timestamp leaves the window.
        """
        ...


class NonceCache:
    """Remembers nonces in memory: none of this process is accepted a second time.

    A nonce is kept as a fingerprint of eight bytes, in one set per access key and minute of expiry, so that forgetting
    is dropping a set. The memory is bounded: a key whose share is full must wait, nothing is forgotten early.
    """

    def __init__(self, *, most_per_key: int = 500_000) -> None:
        self._most = most_per_key
        self._used: dict[str, dict[int, set[bytes]]] = {}
        self._salt = secrets.token_bytes(16)
        self._swept_minute = 0

    async def use(self, access_key_id: str, nonce: str, *, now_ms: int, expires_ms: int) -> Use:
        """See `Nonces.use`."""
        self._sweep(now_ms // _MINUTE_MS)
        minutes = self._used.setdefault(access_key_id, {})
        fingerprint = self._fingerprint(nonce)
        if any(fingerprint in used for used in minutes.values()):
            return "used"
        if sum(len(used) for used in minutes.values()) >= self._most:
            return "full"
        minutes.setdefault(expires_ms // _MINUTE_MS, set()).add(fingerprint)
        return "new"

    def _sweep(self, minute: int) -> None:
        if minute == self._swept_minute:
            return
        self._swept_minute = minute
        for access_key_id, minutes in list(self._used.items()):
            for expired in [expiry for expiry in minutes if expiry < minute]:
                del minutes[expired]
            if not minutes:
                del self._used[access_key_id]

    def _fingerprint(self, nonce: str) -> bytes:
        return hashlib.blake2b(nonce.encode(), digest_size=_FINGERPRINT_BYTES, key=self._salt).digest()
