"""What the delivery counts, for `/metrics`."""

from typing import Final

from prometheus_client import Counter

ATTEMPTS: Final = Counter(
    "skyferry_event_attempts",
    "Attempts to deliver a message to the business server, by what became of it.",
    ["kind", "outcome"],
)
FAILURES: Final = Counter("skyferry_event_failures", "Failures of the delivery itself, such as of its database.")
