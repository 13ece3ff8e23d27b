"""The gateway that most tests of this folder talk to."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.unit.rpc.support import Server, serving


@pytest_asyncio.fixture
async def server() -> AsyncIterator[Server]:
    """A gateway with toy operations."""
    async with serving() as started:
        yield started
