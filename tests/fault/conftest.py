"""Every test here kills its server: each has one of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """A started server for one test."""
    with Server(tmp_path / "server") as started:
        yield started
