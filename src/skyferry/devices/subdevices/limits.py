"""What a gateway may do (device-plane reference §1.2, §2.10)."""

from dataclasses import dataclass

from skyferry.fleet.topology import MOST_SUBDEVICES


@dataclass(frozen=True, slots=True, kw_only=True)
class SubDeviceLimits:
    """How many sub-devices a gateway has, and how many a request may be about.

    Attributes:
        subdevices: sub-devices of one gateway, in its topology and logged in at a time.
        topology_batch: sub-devices of one request to add topology.
        registration_batch: sub-devices of one registration.
        session_batch: sub-devices of one batch log-in or log-out.
    """

    subdevices: int = MOST_SUBDEVICES
    topology_batch: int = 30
    registration_batch: int = 30
    session_batch: int = 50
