"""What the database does, for `/metrics`."""

from typing import Final

from prometheus_client import Counter, Histogram

TRANSACTIONS: Final = Histogram(
    "skyferry_store_transaction_seconds",
    "Time of a transaction from the call to its end, with waiting and repetitions, by what it does (read, write).",
    ["mode"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0),
)
FAILURES: Final = Counter("skyferry_store_failures", "Transactions that the database made fail.", ["mode"])
REPEATED: Final = Counter("skyferry_store_repeated", "Transactions that were done again, by the reason.", ["reason"])
