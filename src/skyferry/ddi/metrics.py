"""What the device API over HTTP counts, for `/metrics`."""

from typing import Final

from prometheus_client import Counter, Gauge

REQUESTS: Final = Counter(
    "skyferry_ddi_requests", "Requests of devices over HTTP, by what they ask and how it ended.", ["resource", "status"]
)
VISITORS: Final = Gauge("skyferry_ddi_devices", "Devices that poll over HTTP and are online.")
