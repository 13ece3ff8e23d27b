"""Fixtures of unit tests in all packages."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skyferry.store.engine import Store
from tests.support import databases


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """The database of one test: it has all tables, and nothing in them."""
    opened = Store(databases.url(tmp_path / "skyferry.db"))
    yield opened
    await opened.close()
