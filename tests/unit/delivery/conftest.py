"""A store on a file, with the schema."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skyferry.store.engine import Store
from tests.support import databases


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = Store(databases.url(tmp_path / "skyferry.db"))
    await opened.write(databases.create_tables)
    yield opened
    await opened.close()
