"""Processes and engines that die while a fleet updates: every task ends as its device knows it, none twice."""

import asyncio

import pytest

from tests.support.api import root
from tests.support.cluster import Cluster
from tests.support.server import wait_until
from tests.support.updating import Scene, fleet_size

pytestmark = [pytest.mark.rule("devices"), pytest.mark.fault]


def lose_everything_in_turn(cluster: Cluster, scene: Scene) -> None:
    """Kills one thing after the other, at different points of the update."""
    scene.wait_for_ended(0.1)
    cluster.processes["first-worker"].kill()
    scene.wait_for_ended(0.25)
    cluster.nats.nodes[0].kill()
    scene.wait_for_ended(0.4)
    cluster.processes["two"].kill()
    cluster.nats.nodes[0].start()
    cluster.processes["two"].start()
    scene.wait_for_ended(0.6)
    cluster.postgresql.kill()
    cluster.postgresql.start()
    scene.wait_for_ended(0.75)
    cluster.processes["first-worker"].start()
    cluster.processes["second-worker"].kill()
    scene.wait_for_ended(1.0)
    cluster.processes["second-worker"].start()


async def test_whatever_dies_every_task_ends_once(cluster: Cluster) -> None:
    scene = await asyncio.to_thread(Scene, cluster.processes["one"], fleet_size(60), "losses")
    fleet = scene.fleet(cluster.processes["two"].mqtt)
    async with fleet:
        await asyncio.to_thread(lose_everything_in_turn, cluster, scene)
    await asyncio.to_thread(scene.check, fleet)
    assert "not_replicated" not in cluster.logs()


def online(cluster: Cluster, scene: Scene) -> int:
    """How many devices of the scene are online, as the API says."""
    api = root(cluster.processes["one"].http)
    asked = [{"ProductKey": scene.product, "DeviceName": device.name} for device in scene.devices]
    return sum(api.call("GetDeviceStatus", **each)["Data"]["Status"] == "ONLINE" for each in asked)


async def test_devices_of_a_dead_gateway_are_offline(cluster: Cluster) -> None:
    scene = await asyncio.to_thread(Scene, cluster.processes["one"], 3, "left")
    async with scene.fleet(cluster.processes["two"].mqtt):
        await asyncio.to_thread(wait_until, lambda: online(cluster, scene) == len(scene.devices))
        cluster.processes["two"].kill()
        await asyncio.to_thread(wait_until, lambda: online(cluster, scene) == 0, seconds=90)
    await asyncio.to_thread(cluster.processes["two"].start)
