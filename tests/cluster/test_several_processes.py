"""What an application and a device see when the one calls a process and the other is connected to another."""

import asyncio
import json
import urllib.request

import pytest

from tests.support.cluster import Cluster
from tests.support.server import Server
from tests.support.updating import Scene

pytestmark = pytest.mark.rule("devices")


def asked(process: Server, path: str) -> dict[str, str]:
    with urllib.request.urlopen(f"http://{process.http}{path}", timeout=30) as answer:
        found: dict[str, str] = json.load(answer)
    return found


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_every_process_is_healthy_and_ready(cluster: Cluster, path: str) -> None:
    for process in cluster.processes.values():
        assert asked(process, path)["status"] == "ok"


async def test_an_update_goes_through_all_processes(cluster: Cluster) -> None:
    scene = await asyncio.to_thread(Scene, cluster.processes["one"], 40)
    fleet = scene.fleet(cluster.processes["two"].mqtt)
    async with fleet:
        await asyncio.to_thread(scene.wait_for_ended, 1.0)
    await asyncio.to_thread(scene.check, fleet)
