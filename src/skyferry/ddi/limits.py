"""Every limit and delay of the device API over HTTP, with its default and its unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DdiSettings:
    """What the device API may be told.

    Attributes:
        plain: devices may ask without TLS, where anyone on the way reads their secret.
        poll_s: seconds between two polls of a device.
        spread_percent: by up to so many percent longer a device is told to wait, each its own amount, so that devices
            that were switched on together do not poll together for ever.
        polls_until_offline: a device that did not come for so many of its intervals is offline.
        sweep_s: seconds between two looks at which devices did not come.
        polls_per_lookup: the most polls that are looked up in one transaction.
        busy_polls: for each such number of polls that wait for their look-up, devices are told to wait one interval
            more,
        most_intervals: up to so many.
        cancel_polls: in so many polls a device is told of a cancelled task, unless it confirms or has read it before.
        body_bytes: bytes of the largest request body.
        body_s: seconds that a request body may take.
        details: messages of one feedback that are kept.
        description_characters: characters of them that are kept.
        history: messages that a device gets of a task at most.
        version_attribute: the attribute that tells the version of the default module; `{this}.{module}` tells that of
            another one.
    """

    plain: bool = False
    poll_s: int = 300
    spread_percent: int = 10
    polls_until_offline: int = 3
    sweep_s: float = 1.0
    polls_per_lookup: int = 1_000
    busy_polls: int = 2_000
    most_intervals: int = 4
    cancel_polls: int = 3
    body_bytes: int = 262_144
    body_s: float = 30.0
    details: int = 50
    description_characters: int = 512
    history: int = 50
    version_attribute: str = "version"
