"""How long metadata is valid, and how much of it there may be."""

from dataclasses import dataclass
from typing import Final

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class TufLimits:
    """Limits of TUF repositories; times in milliseconds.

    Attributes:
        root_ms: how long root is valid. Whoever holds its keys signs once in that time.
        targets_ms: how long the list of packages is valid.
        snapshot_ms: how long the list of lists is valid.
        timestamp_ms: how long a client believes that there is nothing newer: an attacker who holds back updates is
            noticed after it.
        renewed_at: what is signed here is signed anew when this part of its time is left.
        kept_versions: versions that stay published of what is not root: clients that are in the middle need them.
        most_bytes: the largest file that is taken in; clients of python-tuf take 5,000,000 bytes.
        most_keys: keys of a role.
        retry_ms: when a repository that could not be signed is looked at again.
    """

    root_ms: int = 365 * _DAY_MS
    targets_ms: int = 365 * _DAY_MS
    snapshot_ms: int = 7 * _DAY_MS
    timestamp_ms: int = _DAY_MS
    renewed_at: float = 1 / 3
    kept_versions: int = 10
    most_bytes: int = 5_000_000
    most_keys: int = 16
    retry_ms: int = 3_600_000

    def lifetime_ms(self, role: str) -> int:
        """How long metadata of a role is valid."""
        return int(getattr(self, f"{role}_ms"))

    def margin_ms(self, role: str) -> int:
        """So long before it expires metadata of a role is signed anew."""
        return round(self.lifetime_ms(role) * self.renewed_at)
