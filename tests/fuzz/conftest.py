"""A gateway of this process for those who send it anything, and what must hold whatever they send."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from structlog.testing import capture_logs

from skyferry.devices.limits import GatewaySettings, MqttLimits
from skyferry.devices.throttling import ThrottleSettings
from tests.unit.devices.subdevices.gateway_world import GatewayWorld

MOST_GROWTH_BYTES: Final = 192 * 1024 * 1024
"""What a process may grow by, however long it is sent to: caches and what the allocator keeps."""

SETTINGS: Final = GatewaySettings(
    mqtt=MqttLimits(linger_s=0.5),
    throttle=ThrottleSettings(free=1_000_000_000, address_failures=1_000_000_000),  # each wrong log-in is looked at
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayWorld]:
    """See `GatewayWorld`. Nothing may fail in it that its caller does not hear of, and it may not grow."""
    failures: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    before = psutil.Process().memory_info().rss
    world = await GatewayWorld.make(tmp_path, SETTINGS)
    with capture_logs() as logged:
        yield world
        await world.stop()
    assert not failures
    assert unexpected(logged) == []
    assert world.gateway.connections == 0
    assert psutil.Process().memory_info().rss - before < MOST_GROWTH_BYTES


def unexpected(logged: list[Any]) -> list[Any]:
    """What was logged that tells of a mistake of the server."""
    return [entry for entry in logged if entry["log_level"] in {"error", "critical"} or entry.get("exc_info")]
