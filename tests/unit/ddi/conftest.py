"""The device API's parts on a database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.ddi.world import DdiWorld


@pytest.fixture
async def ddi(tmp_path: Path) -> AsyncIterator[DdiWorld]:
    """See `DdiWorld`."""
    world = await DdiWorld.make(tmp_path)
    yield world
    await world.store.close()
