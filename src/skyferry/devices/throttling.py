"""Slows down who tries wrong credentials again and again, and no one else.

Failures count for the address and the device together: an address can lock a device out for itself only, never for the
device's own address. Failures of an address with whatever devices count as well, since a list of guessed names costs as
much work; but a device that logged in rightly from there goes on to be let in, so a thousand devices behind one address
do not suffer from one of them.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final, TypeVar

from skyferry.clock import Clock

KeyT = TypeVar("KeyT")
ValueT = TypeVar("ValueT")

_KEY_BYTES: Final = 12
_HOST_BITS: Final = 64
_NETWORKS: Final = 4_096
_MOST_DOUBLINGS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottleSettings:
    """How wrong log-ins are slowed down.

    Attributes:
        free: failures of a device from an address that cost nothing.
        first_delay_ms: milliseconds after the next failure in which the device is refused from that address unheard;
            each further failure doubles it.
        most_delay_ms: the longest such delay, in milliseconds; also how long failures are remembered after it.
        address_failures: failures that an address may have at once, whatever the devices.
        address_failures_per_s: so many failures of an address are forgiven in a second.
        remembered: pairs of address and device, and addresses, that are remembered at most; the oldest are forgotten.
    """

    free: int = 3
    first_delay_ms: int = 1_000
    most_delay_ms: int = 60_000
    address_failures: int = 1_000
    address_failures_per_s: float = 5.0
    remembered: int = 100_000


@dataclass(slots=True)
class _Pair:
    failures: int = 0
    until: int = 0
    """The time before which the device is refused from the address."""
    trusted: bool = False
    """It has logged in rightly from there."""


@dataclass(slots=True)
class _Address:
    failures: float
    at: int
    """When `failures` was right; they are forgiven with time."""


class LoginThrottle:
    """Remembers failed log-ins in bounded memory. Names are remembered as short hashes, whatever their length."""

    def __init__(self, clock: Clock, settings: ThrottleSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._pairs: OrderedDict[bytes, _Pair] = OrderedDict()
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pairs) + len(self._addresses)

    def allows(self, address: str, device: str) -> bool:
        """False when an attempt is to be refused unheard.

        Args:
            address: the IP address that it comes from; of IPv6 its /64 network counts.
            device: the device that it names, in any form that is always the same.
        """
        now = self._clock.now_ms()
        pair = self._pairs.get(_key(address, device))
        if pair is not None and now < pair.until:
            return False
        if pair is not None and pair.trusted:
            return True
        spent = self._addresses.get(_network(address))
        return spent is None or self._left_over(spent, now) < self._settings.address_failures

    def failed(self, address: str, device: str) -> None:
        """An attempt had wrong credentials."""
        now, settings = self._clock.now_ms(), self._settings
        pair = _touched(self._pairs, _key(address, device), _Pair, settings.remembered)
        if pair.failures and now - pair.until > settings.most_delay_ms:
            pair.failures = 0
        pair.failures += 1
        charged = min(pair.failures - settings.free, _MOST_DOUBLINGS)
        delay = min(settings.first_delay_ms << (charged - 1), settings.most_delay_ms) if charged > 0 else 0
        pair.until = now + delay
        spent = _touched(self._addresses, _network(address), lambda: _Address(0.0, now), settings.remembered)
        spent.failures = self._left_over(spent, now) + 1
        spent.at = now

    def succeeded(self, address: str, device: str) -> None:
        """An attempt was right: what failed before is forgotten."""
        pair = _touched(self._pairs, _key(address, device), _Pair, self._settings.remembered)
        pair.failures, pair.until, pair.trusted = 0, 0, True

    def _left_over(self, spent: _Address, now: int) -> float:
        return max(0.0, spent.failures - (now - spent.at) / 1_000 * self._settings.address_failures_per_s)


def _touched(table: "OrderedDict[KeyT, ValueT]", key: KeyT, make: Callable[[], ValueT], most: int) -> ValueT:
    """The value of a key, made when there is none, as the last to be forgotten."""
    value = table.get(key)
    if value is None:
        value = table[key] = make()
        if len(table) > most:
            table.popitem(last=False)
    table.move_to_end(key)
    return value


def _key(address: str, device: str) -> bytes:
    return hashlib.blake2b(f"{_network(address)}\n{device}".encode(), digest_size=_KEY_BYTES).digest()


@lru_cache(_NETWORKS)
def _network(address: str) -> str:
    """What counts of an address: whoever has one IPv6 address has the whole /64."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS))
    return str(parsed)
