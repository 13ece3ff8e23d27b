"""What happens to tasks, for `/metrics`."""

from typing import Final

from prometheus_client import Counter

HAPPENED: Final = Counter(
    "skyferry_task_events",
    "What happened to tasks in this process, by event and the state that they have since.",
    ["event", "status"],
)
