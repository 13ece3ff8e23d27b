"""What an application and a device see when the one calls a process and the other is connected to another."""

import asyncio
import json
import time
import urllib.request
from uuid import uuid4

import pytest
import requests

from tests.support.api import root
from tests.support.cluster import Cluster
from tests.support.server import ROOT_KEY_ID, ROOT_SECRET, Server, wait_until
from tests.support.updating import Scene
from tests.unit.rpc.support import public_v1, sign_v1, timestamp

pytestmark = pytest.mark.rule("devices")


def asked(process: Server, path: str) -> dict[str, str]:
    with urllib.request.urlopen(f"http://{process.http}{path}", timeout=30) as answer:
        found: dict[str, str] = json.load(answer)
    return found


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_every_process_is_healthy_and_ready(cluster: Cluster, path: str) -> None:
    for process in cluster.processes.values():
        assert asked(process, path)["status"] == "ok"


def test_a_request_that_one_process_has_taken_is_refused_by_another(cluster: Cluster) -> None:
    parameters = {name: text for name, text in public_v1("QueryProductList").items() if text is not None}
    parameters |= {
        "AccessKeyId": ROOT_KEY_ID,
        "SignatureNonce": uuid4().hex,
        "Timestamp": timestamp(int(time.time() * 1_000)),
        "CurrentPage": "1",
        "PageSize": "1",
    }
    parameters["Signature"] = sign_v1("GET", parameters, ROOT_SECRET)
    taken, refused = (
        requests.get(f"http://{cluster.processes[name].http}/", params=parameters, timeout=30).json()
        for name in ("one", "two")
    )
    assert taken["Success"]
    assert refused["Code"] == "SignatureNonceUsed"


async def test_an_update_goes_through_all_processes(cluster: Cluster) -> None:
    scene = await asyncio.to_thread(Scene, cluster.processes["one"], 40)
    fleet = scene.fleet(cluster.processes["two"].mqtt)
    async with fleet:
        await asyncio.to_thread(scene.wait_for_ended, 1.0)
    await asyncio.to_thread(scene.check, fleet)


def online(cluster: Cluster, scene: Scene) -> int:
    """How many devices of the scene are online, as the API says."""
    api = root(cluster.processes["one"].http)
    asked = [{"ProductKey": scene.product, "DeviceName": device.name} for device in scene.devices]
    return sum(api.call("GetDeviceStatus", **each)["Data"]["Status"] == "ONLINE" for each in asked)


@pytest.mark.fault
async def test_devices_of_a_dead_gateway_are_offline(cluster: Cluster) -> None:
    scene = await asyncio.to_thread(Scene, cluster.processes["one"], 3, "left")
    async with scene.fleet(cluster.processes["two"].mqtt):
        await asyncio.to_thread(wait_until, lambda: online(cluster, scene) == len(scene.devices))
        cluster.processes["two"].kill()
        await asyncio.to_thread(wait_until, lambda: online(cluster, scene) == 0, seconds=90)
    await asyncio.to_thread(cluster.processes["two"].start)
