"""What is measured, and that the dashboard, the alert rules and the guide speak of nothing else."""

import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import REGISTRY

PROJECT: Final = Path(__file__).parents[2]
SOURCES: Final = PROJECT / "src" / "skyferry"
ALERTS: Final = PROJECT / "ops" / "prometheus" / "alerts.yml"
DASHBOARD: Final = PROJECT / "ops" / "grafana" / "skyferry.json"
GUIDE: Final = PROJECT / "docs" / "guide" / "monitoring.md"
_NAME: Final = re.compile(r"\bskyferry_[a-z_]+\b")
_OTHERS: Final = re.compile(r"\b(?:process|python)_[a-z_]+\b")


@pytest.fixture(scope="module")
def measured() -> set[str]:
    """The names of all metrics, as Prometheus knows them."""
    for path in SOURCES.rglob("metrics.py"):
        if "node_modules" not in path.parts:
            importlib.import_module("skyferry." + ".".join(path.relative_to(SOURCES).with_suffix("").parts))
    kinds = {"counter": ("_total",), "gauge": ("",), "histogram": ("", "_bucket", "_count", "_sum")}
    return {family.name + end for family in REGISTRY.collect() for end in kinds.get(family.type, ())}


def expressions() -> Iterator[str]:
    """All that Prometheus is asked for."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_the_dashboard_and_the_alerts_ask_for_what_there_is(measured: set[str]) -> None:
    asked = {name for expression in expressions() for name in _NAME.findall(expression)}
    assert asked
    assert asked - measured == set()
    others = {name for expression in expressions() for name in _OTHERS.findall(expression)}
    assert others - measured == set()


def test_the_guide_tells_every_metric_and_no_other(measured: set[str]) -> None:
    told = set(_NAME.findall(GUIDE.read_text()))
    own = {
        name for name in measured if name.startswith("skyferry_") and not name.endswith(("_bucket", "_count", "_sum"))
    }
    assert told == own


def test_every_alert_says_what_is_wrong_and_what_to_do() -> None:
    [group] = yaml.safe_load(ALERTS.read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names)
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")


def test_panels_of_the_dashboard_have_a_place_and_a_name_of_their_own() -> None:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    assert all(panel["title"] for panel in panels)


def test_prometheus_understands_all_expressions(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    asked = [
        {"record": f"asked:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": asked}]}))
    done = subprocess.run([promtool, "check", "rules", ALERTS, rules], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
