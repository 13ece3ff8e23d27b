"""The unit files are right, and the examples beside them are settings that there are."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from skyferry import settings
from skyferry.settings import Role
from tests.support.program import skyferry

UNITS: Final = Path(__file__).parents[2] / "ops" / "systemd"
_PROGRAM: Final = "/opt/skyferry/.venv/bin/skyferry"
_MOST_EXPOSED: Final = 30
"""Tenths on systemd's scale, on which a service without any of its options has 96."""


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """Copies of the unit files with the program of the tests: it must be there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    copies = []
    for path in sorted(UNITS.glob("*.service")):
        text = path.read_text()
        assert _PROGRAM in text
        copy = tmp_path / path.name.replace("@.", "@gateway-1.")
        copy.write_text(text.replace(_PROGRAM, skyferry()[0]))
        copies.append(str(copy))
    return copies


def analyzed(*arguments: str) -> None:
    done = subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_understands_every_line(units: list[str]) -> None:
    assert len(units) == 2
    for unit in units:
        analyzed("verify", "--man=no", "--recursive-errors=no", unit)


def test_services_may_do_little(units: list[str]) -> None:
    for unit in units:
        analyzed("security", "--offline=true", f"--threshold={_MOST_EXPOSED}", unit)


def test_both_kinds_of_service_are_confined_alike() -> None:
    alone, one_of_several = (
        [line for line in (UNITS / name).read_text().partition("# Ports below")[2].splitlines() if line]
        for name in ("skyferry.service", "skyferry@.service")
    )
    assert len(alone) > 20
    assert alone == one_of_several


@pytest.mark.parametrize(
    ("name", "roles"), [("api", {Role.API}), ("gateway-1", {Role.GATEWAY}), ("worker-1", {Role.WORKER})]
)
def test_the_examples_are_settings(name: str, roles: set[Role], monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (UNITS / f"{name}.env").read_text().splitlines():
        if not line.startswith("#"):
            variable, _, value = line.partition("=")
            assert variable.removeprefix("SKYFERRY_").lower() in settings.Settings.model_fields
            monkeypatch.setenv(variable, value)
    chosen = settings.load(UNITS / "skyferry.toml")
    assert chosen.roles == roles
    assert chosen.is_one_of_several
    waits = re.search(r"TimeoutStopSec=(\d+)", (UNITS / "skyferry@.service").read_text())
    assert waits
    assert chosen.stop_delay_seconds + chosen.drain_seconds + 30 <= int(waits[1])
