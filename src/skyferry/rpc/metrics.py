"""What the API counts, for `/metrics`."""

from typing import Final

from prometheus_client import Counter, Histogram

REQUESTS: Final = Counter("skyferry_api_requests", "API requests, by operation and error code.", ["operation", "code"])
DURATION: Final = Histogram(
    "skyferry_api_request_seconds",
    "Time to answer an API request.",
    ["operation"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0),
)
