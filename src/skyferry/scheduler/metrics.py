"""What the worker counts, for `/metrics`."""

from typing import Final

from prometheus_client import Counter, Histogram

BATCHES: Final = Histogram(
    "skyferry_report_batch_size",
    "Device reports that were stored in one transaction.",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_000),
)
LOST: Final = Counter("skyferry_reports_lost", "Device reports that could not be stored.")
CHORE_FAILURES: Final = Counter("skyferry_worker_failures", "Chores of the worker that failed.", ["chore"])
