"""A PostgreSQL that dies while a fleet updates: the server says so, loses nothing, and goes on by itself afterwards."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
import requests

from tests.fault.support import register_until_refused, report_until_unheard
from tests.support.api import Application, Device, root
from tests.support.mqtt import CONNACK, Wire, connect
from tests.support.postgresql import PostgresqlServer
from tests.support.server import Server, wait_until
from tests.support.updating import Scene, fleet_size

pytestmark = pytest.mark.fault

DEVICES: Final = fleet_size(60)
_UNAVAILABLE: Final = 3
"""The return code of CONNACK for "server unavailable"."""


async def test_nothing_is_lost_when_postgresql_dies(tmp_path: Path) -> None:
    with (
        PostgresqlServer(crash_safe=True) as postgresql,
        Server(
            tmp_path / "server",
            {"SKYFERRY_DATABASE": postgresql.url(), "SKYFERRY_PUSH_BACKOFF_SECONDS": "0"},
        ) as server,
    ):
        scene = await asyncio.to_thread(Scene, server, DEVICES)
        async with scene.fleet(server.mqtt) as fleet:
            for share in (0.1, 0.4):
                await asyncio.to_thread(scene.wait_for_ended, share)
                await die_and_return(postgresql, server, f"beside_{share}".replace(".", "_"))
            await asyncio.to_thread(scene.wait_for_ended, 1)
            await asyncio.to_thread(scene.check, fleet)
        server.stop()
        assert "store.gave_up" not in server.logs()
        assert "Traceback" not in server.logs()
        await wait_for_postgresql(postgresql, server)


async def wait_for_postgresql(postgresql: PostgresqlServer, server: Server) -> None:
    """A server that starts before PostgreSQL, as after a power failure, waits for it."""
    postgresql.kill()
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    await asyncio.to_thread(wait_until, lambda: "start.waiting" in server.logs())
    assert not starting.done()
    await asyncio.to_thread(postgresql.start)
    await starting
    assert await asyncio.to_thread(health, server) == (200, "ok")


async def die_and_return(postgresql: PostgresqlServer, server: Server, name: str) -> None:
    """Kills PostgreSQL under calls and reports, looks at the server meanwhile, and starts PostgreSQL again."""
    api = root(server.http)
    product = api.create_product(name)
    witness = api.register(product, "witness")
    registering = asyncio.create_task(asyncio.to_thread(register_until_refused, api, product))
    reporting = asyncio.create_task(asyncio.to_thread(report_until_unheard, server.mqtt, witness))
    await asyncio.to_thread(wait_until, lambda: api.version(witness) > "0.1" and count(api, product) > 2)
    await asyncio.to_thread(postgresql.kill)

    registered, refusal = await registering
    acknowledged = await reporting
    assert refusal == "ServiceUnavailable"
    assert await asyncio.to_thread(health, server) == (503, "failed")
    assert await asyncio.to_thread(api.refusal, "QueryProduct", ProductKey=product) == "ServiceUnavailable"
    assert await asyncio.to_thread(log_in, server, witness) == (CONNACK, bytes([0, _UNAVAILABLE]))

    await asyncio.to_thread(postgresql.start)
    await asyncio.to_thread(wait_until, lambda: health(server) == (200, "ok"), what="a healthy server")
    # What was just being committed may have been carried out.
    assert count(api, product) - 1 - registered in {0, 1}
    assert api.version(witness) in {acknowledged, following(acknowledged)}


def count(api: Application, product: str) -> int:
    """How many devices the product has."""
    return int(api.call("QueryProduct", ProductKey=product)["Data"]["DeviceCount"])


def health(server: Server) -> tuple[int, str]:
    """What the server says of itself and of its database."""
    answer = requests.get(f"http://{server.http}/healthz", timeout=60)
    return answer.status_code, answer.json()["store"]


def log_in(server: Server, device: Device) -> tuple[int, bytes]:
    """The answer to a log-in."""
    with Wire(server.mqtt) as wire:
        wire.send(connect(device))
        return wire.packet()


def following(version: str) -> str:
    """What `report_until_unheard` says after this version."""
    return f"0.{int(version.removeprefix('0.')) + 1}"
