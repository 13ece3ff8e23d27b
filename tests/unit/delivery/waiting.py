"""Waiting for what nobody announces."""

import asyncio
from collections.abc import Callable

from sqlalchemy import Connection

from skyferry.store.engine import Store


async def until(condition: Callable[[], bool]) -> None:
    """Waits until the condition holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the thing watched knows nothing of the test
            await asyncio.sleep(0.005)


async def stored(store: Store, condition: Callable[[Connection], bool]) -> None:
    """Waits until the condition holds of what is stored."""
    async with asyncio.timeout(60):
        while not await store.read(condition):  # noqa: ASYNC110 - the thing watched knows nothing of the test
            await asyncio.sleep(0.005)
