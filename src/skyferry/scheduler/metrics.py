"""What the worker counts, for `/metrics`."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

BATCHES: Final = Histogram(
    "skyferry_report_batch_size",
    "Device reports that were stored in one transaction.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000),
)
LOST: Final = Counter("skyferry_reports_lost", "Device reports that could not be stored.")
CHORE_FAILURES: Final = Counter("skyferry_worker_failures", "Chores of the worker that failed.", ["chore"])
REPORTS: Final = Counter("skyferry_reports_applied", "Reports of devices that were applied, by kind.", ["report"])
AGE: Final = Histogram(
    "skyferry_report_age_seconds",
    "How old the oldest report of a batch was when it was stored.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0),
)
PENDING: Final = Gauge(
    "skyferry_reports_pending", "Messages of the stream of reports that are not applied yet, by part.", ["part"]
)
PUSHES: Final = Counter("skyferry_pushes_claimed", "Pushes that came due and were handed to the gateways.")
CHORE_SECONDS: Final = Counter("skyferry_worker_seconds", "Seconds that the worker spent on a chore.", ["chore"])
ARCHIVED: Final = Counter("skyferry_tasks_archived", "Tasks that went from the database into the archive.")
EVENTS_WAITING: Final = Gauge(
    "skyferry_events_waiting", "Messages to business servers that have not arrived; 10000 for that many or more."
)
EVENTS_DEAD: Final = Gauge(
    "skyferry_events_dead", "Messages that could not be delivered and are kept; 10000 for that many or more."
)
EVENTS_OLDEST: Final = Gauge("skyferry_events_oldest_seconds", "How old the oldest message is that has not arrived.")
