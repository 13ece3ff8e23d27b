"""Numbers of the console."""

from dataclasses import dataclass, field

from skyferry.devices.throttling import ThrottleSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """What an operator may change, and what follows from it.

    Attributes:
        session_ms: how long a person stays signed in, in milliseconds.
        hashing_at_once: passwords that are checked at the same time: each takes 64 MiB of memory.
        throttle: how wrong passwords are slowed down.
    """

    session_ms: int = 12 * 3_600_000
    hashing_at_once: int = 2
    throttle: ThrottleSettings = field(default_factory=lambda: ThrottleSettings(free=5, address_failures=100))
