"""What Prometheus is told of an update."""

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.scenario.support import Fleet
from tests.support.server import wait_until

pytestmark = pytest.mark.rule("devices")
_LABELS = ("status", "report", "mode", "chore")


def told(fleet: Fleet) -> dict[tuple[str, str], float]:
    """Values by name and by the label that matters."""
    text = requests.get(f"http://{fleet.server.http}/metrics", timeout=60).text
    found: dict[tuple[str, str], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            label = next((sample.labels[name] for name in _LABELS if name in sample.labels), "")
            found[sample.name, label] = found.get((sample.name, label), 0) + sample.value
    return found


def test_an_update_is_seen_in_the_metrics_of_tasks_reports_pushes_and_transactions(fleet: Fleet) -> None:
    before = told(fleet)
    device = fleet.device()
    client = fleet.connect(device)
    job = fleet.job(fleet.package(), [device])
    fleet.api.wait_for_states(job, {device.name: "NOTIFIED"})
    client.report_version("2.0.0")
    fleet.api.wait_for_states(job, {device.name: "SUCCEEDED"})

    counted = [
        ("skyferry_task_events_total", "SUCCEEDED"),
        ("skyferry_task_events_total", "NOTIFIED"),
        ("skyferry_pushes_claimed_total", ""),
        ("skyferry_reports_applied_total", "VersionReported"),
        ("skyferry_report_age_seconds_count", ""),
        ("skyferry_store_transaction_seconds_count", "write"),
        ("skyferry_worker_seconds_total", "dispatch"),
    ]

    def missing() -> list[tuple[str, str]]:
        now = told(fleet)
        return [name for name in counted if now.get(name, 0) <= before.get(name, 0)]

    wait_until(lambda: not missing(), what="the counts")
    assert before["skyferry_events_waiting", ""] >= 0
