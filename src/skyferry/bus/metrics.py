"""What the bus between processes counts."""

from typing import Final

from prometheus_client import Counter

NOT_STORED: Final = Counter("skyferry_bus_reports_not_stored_total", "Reports that NATS did not store in time")
UNDELIVERED: Final = Counter(
    "skyferry_bus_undelivered_total", "Pushes that no process has taken; the devices' next reports bring them"
)
