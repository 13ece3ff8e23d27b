"""How work is shared between processes, for `/metrics`."""

from typing import Final

from prometheus_client import Gauge

HELD: Final = Gauge(
    "skyferry_leases_held", "Pieces of work that are this process's: chores, parts of the stream, deliveries.", ["kind"]
)
