"""The MQTT end must behave the same on both event loops: uvloop serves, asyncio is what other platforms have."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from skyferry.devices.limits import MqttLimits
from skyferry.devices.mqtt.server import MqttServer
from tests.unit.devices.mqtt.endpoint import Endpoint, FakeHandler, Serve


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Runs each asynchronous test of this folder once on each."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers, and stops them when the test ends."""
    servers: list[MqttServer] = []

    async def start(limits: MqttLimits) -> Endpoint:
        handler = FakeHandler()
        server = MqttServer(handler, limits)
        servers.append(server)
        return Endpoint(handler, server, await server.listen("127.0.0.1", 0))

    yield start
    for server in servers:
        await server.stop()
        assert not server.connections
