"""A fleet on a bad network, whose server ends twice in the midst of it: every task ends as its device says it did.

What a device says at QoS 0 may be lost on the way, which is how devices report failures. Then the task stays open, the
device is pushed to on its next connection and tries again: so the last word is the same on both sides.

`SKYFERRY_FAULT_DEVICES` says how many devices there are. With 2,000 it was seen to pass, in four minutes on two cores
that were busy with other work as well.
"""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.support.network import CALM, BadNetwork, Weather
from tests.support.server import Server
from tests.support.updating import Scene, fleet_size

pytestmark = pytest.mark.fault

DEVICES: Final = fleet_size(200)
STORM: Final = Weather(delay_s=0.05, cut=0.02, truncate=0.02, duplicate=0.3)
ROUGH: Final = Weather(delay_s=0.02, cut=0.03, truncate=0.03)
"""The way to the file server: nearly every other download breaks off at some byte, and goes on from there."""


async def test_every_task_ends_right_through_storms_and_ends_of_the_server(tmp_path: Path) -> None:
    with (
        BadNetwork(lambda: server.http, ROUGH, packets=False) as downloads,
        Server(
            tmp_path / "server",
            {
                "SKYFERRY_PUBLIC_URL": f"http://{downloads.address}",
                "SKYFERRY_PUSH_BACKOFF_SECONDS": "0",
                "SKYFERRY_PUSH_DELAY_SECONDS": "600",  # a report may be long on its way: no push before it
            },
        ) as server,
        BadNetwork(lambda: server.mqtt, STORM) as network,
    ):
        downloads.weather = CALM
        scene = await asyncio.to_thread(Scene, server, DEVICES)
        downloads.weather = ROUGH
        async with scene.fleet(network.address) as fleet:
            for share, end in (
                (0.15, server.stop),
                (0.3, network.cut_all),
                (0.4, server.kill),
                (0.55, network.cut_all),
            ):
                await asyncio.to_thread(scene.wait_for_ended, share)
                await asyncio.to_thread(end)
                if not server.is_running:
                    await asyncio.to_thread(server.start)
            await asyncio.to_thread(scene.wait_for_ended, 0.75)
            network.weather = CALM
            network.cut_all()  # whoever waits for an answer that was lost connects again
            await asyncio.to_thread(scene.wait_for_ended, 1)
            await asyncio.to_thread(scene.check, fleet)
        assert all(network.seen[what] for what in ("cut", "truncate", "duplicate")), network.seen
        assert "Traceback" not in server.logs()
        assert downloads.seen["cut"]
        assert downloads.seen["truncate"]
        assert fleet.tally.resumes
