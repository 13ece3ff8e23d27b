"""What gateways subscribe to for their sub-devices, by name and by wildcard (device-plane §2.10)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skyferry.devices.mqtt.packets import SUBSCRIPTION_REFUSED
from tests.unit.devices.subdevices.gateway_world import (
    FOREIGN,
    GATEWAYS,
    SESSIONS,
    SUBDEVICES,
    GatewayWorld,
    proof,
    push,
    pushed,
    quiet,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayWorld]:
    world = await GatewayWorld.make(tmp_path, SESSIONS)
    yield world
    await world.stop()


async def test_a_gateway_subscribes_for_its_subdevices(world: GatewayWorld) -> None:
    async with world.client() as client:
        await client.log_in(silent=False)
        await client.attach("sub-1", "sub-2")
        await client.ask("combine/login", proof("sub-1"))
        await world.gateway.on_commands([push(world, "sub-1")])
        upgrade = f"/ota/device/upgrade/{SUBDEVICES}/"

        assert await client.subscribe(upgrade + "sub-2") == SUBSCRIPTION_REFUSED
        assert await client.subscribe(f"/ota/device/upgrade/{FOREIGN}/sub-1") == SUBSCRIPTION_REFUSED
        assert await client.subscribe(f"/sys/{SUBDEVICES}/sub-1/" + "x" * 300) == SUBSCRIPTION_REFUSED
        assert await client.subscribe(f"/sys/{SUBDEVICES}/sub-1/thing/service/property/set") == 1
        await quiet(client)
        assert await client.subscribe(upgrade + "sub-1") == 1
        assert (await pushed(client))[0] == "sub-1"


WILDCARDS = ["#", "/ota/#", "/ota/device/upgrade/+/+", f"/ota/device/+/{SUBDEVICES}/+", "/ota/device/upgrade/+/sub-1"]


@pytest.mark.parametrize("topic_filter", WILDCARDS)
async def test_a_wildcard_of_the_gateway_counts_for_its_subdevices(world: GatewayWorld, topic_filter: str) -> None:
    async with world.client() as client:
        await client.log_in(silent=False)
        await client.attach("sub-1")
        await client.ask("combine/login", proof("sub-1"))
        await world.gateway.on_commands([push(world, "sub-1")])
        await quiet(client)

        assert await client.subscribe(topic_filter) == 1
        assert (await pushed(client))[0] == "sub-1"


@pytest.mark.parametrize("topic_filter", ["#", "/ota/device/upgrade/+/+"])
async def test_it_counts_for_those_that_log_in_later_as_well(world: GatewayWorld, topic_filter: str) -> None:
    async with world.client() as client:
        await client.log_in(silent=False)
        assert await client.subscribe(topic_filter) == 1
        await client.attach("sub-1")
        await client.ask("combine/login", proof("sub-1"))
        await world.gateway.on_commands([push(world, "sub-1")])
        assert (await pushed(client))[0] == "sub-1"


@pytest.mark.parametrize(
    "topic_filter",
    ["/sys/#", f"/ota/device/upgrade/{GATEWAYS}/+", "/ota/device/inform/+/+", "/ota/device/upgrade/+/gateway-1"],
)
async def test_a_wildcard_that_matches_no_push_of_theirs_does_not(world: GatewayWorld, topic_filter: str) -> None:
    async with world.client() as client:
        await client.log_in(silent=False)
        await client.attach("sub-1")
        await client.ask("combine/login", proof("sub-1"))
        await world.gateway.on_commands([push(world, "sub-1")])

        assert await client.subscribe(topic_filter) == 1
        await quiet(client)


@pytest.mark.parametrize(
    "topic_filter", [f"/ota/device/upgrade/{FOREIGN}/+", f"/sys/{SUBDEVICES}x/+/thing/#", "/ota/device/upgrade/+/sub-2"]
)
async def test_a_wildcard_that_matches_nothing_of_theirs_is_refused(world: GatewayWorld, topic_filter: str) -> None:
    async with world.client() as client:
        await client.log_in(silent=False)
        await client.attach("sub-1", "sub-2")
        await client.ask("combine/login", proof("sub-1"))

        assert await client.subscribe(topic_filter) == SUBSCRIPTION_REFUSED
        assert await client.subscribe(f"/sys/{SUBDEVICES}/+/thing/#") == 1
