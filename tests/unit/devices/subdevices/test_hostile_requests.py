"""Gateways that say anything at all: each request is answered once or dropped, and the connection goes on."""

import json
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest

from skyferry.devices.limits import GatewaySettings
from skyferry.devices.mqtt.packets import PingReq, PingResp, Publish
from tests.unit.devices.subdevices.gateway_world import GATEWAYS, GatewayWorld, proof

SERVICES: Final = [
    f"/sys/{GATEWAYS}/gateway-1/thing/topo/add",
    f"/sys/{GATEWAYS}/gateway-1/thing/topo/delete",
    f"/sys/{GATEWAYS}/gateway-1/thing/topo/get",
    f"/sys/{GATEWAYS}/gateway-1/thing/sub/register",
    f"/sys/{GATEWAYS}/gateway-1/thing/proxy/provisioning/product_register",
    f"/ext/session/{GATEWAYS}/gateway-1/combine/login",
    f"/ext/session/{GATEWAYS}/gateway-1/combine/batch_login",
    f"/ext/session/{GATEWAYS}/gateway-1/combine/logout",
    f"/ext/session/{GATEWAYS}/gateway-1/combine/batch_logout",
]
ROUNDS: Final = 40
LEAVES: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    10**400,
    1.5,
    "",
    "sub-1",
    "\ud800",
    "\0",
    "x" * 5_000,
    "a1SubDev001",
    [],
    {},
    "'; --",
)
NAMES: Final = (
    "productKey",
    "deviceName",
    "clientId",
    "timestamp",
    "sign",
    "signMethod",
    "deviceList",
    "proxieds",
    "\ud800",
)


def anything(chance: random.Random, depth: int = 0) -> Any:
    """A value that may stand anywhere in a request."""
    kind = chance.random()
    if depth > 3 or kind < 0.3:
        return chance.choice(LEAVES)
    if kind < 0.5:
        return [anything(chance, depth + 1) for _ in range(chance.randrange(4))]
    if kind < 0.7:
        return proof("sub-1") | {chance.choice(NAMES): anything(chance, depth + 1)}
    return {chance.choice(NAMES): anything(chance, depth + 1) for _ in range(chance.randrange(5))}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayWorld]:
    world = await GatewayWorld.make(tmp_path, GatewaySettings())
    yield world
    await world.stop()


@pytest.mark.parametrize("topic", SERVICES)
async def test_any_request_is_answered_once(world: GatewayWorld, topic: str) -> None:
    chance = random.Random(topic)
    async with world.client() as client:
        await client.log_in()
        for number in range(ROUNDS):
            payload = json.dumps({"id": number, "params": anything(chance)}).encode()
            await client.send(Publish(topic, payload))
            answer = client.message(await client.receive(), topic + "_reply")
            assert answer["id"] == number
            assert isinstance(answer["code"], int)
            assert answer["message"]
        await client.send(PingReq())
        assert await client.receive() == PingResp()


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff", b'{"id":' + b"1" * 500 + b"}", b"[" * 50_000])
async def test_what_has_no_envelope_is_dropped(world: GatewayWorld, payload: bytes) -> None:
    async with world.client() as client:
        await client.log_in()
        await client.send(*[Publish(topic, payload) for topic in SERVICES], PingReq())
        assert await client.receive() == PingResp()
