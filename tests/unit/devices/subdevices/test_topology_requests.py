"""What gateways say of their topology, and what they are answered (device-plane reference §2.10)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from skyferry.bus.messages import SubDevicesDetached, TellGateway, TopologyChange
from skyferry.devices.limits import GatewaySettings
from skyferry.devices.subdevices.limits import SubDeviceLimits
from skyferry.store.tables import devices, topology
from tests.unit.devices.subdevices.gateway_world import (
    FOREIGN,
    GATEWAYS,
    SUBDEVICES,
    GatewayWorld,
    named,
    proof,
)

SETTINGS = GatewaySettings(
    push_delay_ms=3_600_000,
    subdevices=SubDeviceLimits(subdevices=2, topology_batch=3, session_batch=3),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayWorld]:
    world = await GatewayWorld.make(tmp_path, SETTINGS)
    yield world
    await world.stop()


async def behind(world: GatewayWorld) -> dict[int, int]:
    """The topology: gateway by sub-device."""
    rows = await world.store.read(lambda tx: tx.execute(select(topology.c.device_id, topology.c.gateway_id)).all())
    return dict(rows)


@pytest.mark.parametrize(
    "said",
    [
        proof("sub-1"),
        proof("sub-1", timestamp=1524448722000, method="hmacsha1", key="signMethod"),  # as Node says it
        proof("sub-1", method="hmacSha256", cleanSession="false"),
        proof("sub-1", method="HMACMD5"),
        proof("sub-1", client_id="c|lan=Python,_v=2.2.1,_ss=1|"),  # signed with the part in bars
        proof("sub-1", client_id="c") | {"clientId": "c|lan=Python|"},  # signed without it
        proof("sub-1") | {"sign": proof("sub-1")["sign"].upper()},
    ],
)
async def test_a_subdevice_is_added_by_a_signature_with_its_secret(world: GatewayWorld, said: dict[str, Any]) -> None:
    async with world.client() as client:
        await client.log_in()
        answer = await client.ask("thing/topo/add", [said], 17)
        listed = await client.ask("thing/topo/get", {})

    assert answer == {"id": 17, "code": 200, "data": list(named("sub-1")), "message": "success"}
    assert listed["data"] == named("sub-1")
    assert await behind(world) == {world.ids["sub-1"]: world.ids["gateway-1"]}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([], 460),
        ({}, 460),
        (None, 460),
        ("sub-1", 460),
        ([1], 460),
        ([{"productKey": SUBDEVICES}], 460),
        ([{"productKey": SUBDEVICES, "deviceName": 7, "sign": "x"}], 460),
        ([{"productKey": SUBDEVICES, "deviceName": "sub-1"}], 460),
        ([proof("sub-1", extra={"a": 1})], 460),
        ([proof("sub-1", extra="x" * 300)], 460),
        ([proof("sub-1", extra=10**400)], 460),
        ([proof("sub-1") | {f"key{number}": 1 for number in range(20)}], 460),
        ([proof("sub-1")] * 4, 460),
        ([proof("sub-1") | {"signmethod": "Sha256"}], 6292),
        ([proof("sub-1", secret="another")], 401),
        ([proof("sub-1"), proof("sub-2") | {"timestamp": "1"}], 401),
        ([proof("unknown")], 6100),
        ([proof("sub-1", product_key=FOREIGN)], 6100),
        ([proof("sub-1", product_key="a1Unknown01")], 6100),
        ([proof("gateway-1", product_key=GATEWAYS)], 6402),
        ([proof("sub-1"), proof("sub-2"), proof("sub-3")], 6400),
    ],
)
async def test_what_cannot_be_added_is_refused_as_a_whole(world: GatewayWorld, said: object, code: int) -> None:
    async with world.client() as client:
        await client.log_in()
        answer = await client.ask("thing/topo/add", said)

    assert answer["code"] == code
    assert answer["message"].endswith(".")
    assert await behind(world) == {}


async def test_a_disabled_subdevice_is_not_added(world: GatewayWorld) -> None:
    disable = update(devices).where(devices.c.id == world.ids["sub-1"]).values(disabled=True)
    await world.store.write(lambda tx: tx.execute(disable))
    async with world.client() as client:
        await client.log_in()
        answer = await client.ask("thing/topo/add", [proof("sub-1")])

    assert (answer["code"], answer["data"]) == (6204, list(named("sub-1")))


async def test_only_a_device_of_a_gateway_product_is_a_gateway(world: GatewayWorld) -> None:
    async with world.client("sub-1", SUBDEVICES) as client:
        await client.log_in()
        codes = [
            (await client.ask(service, params))["code"]
            for service, params in (
                ("thing/topo/add", [proof("sub-2")]),
                ("thing/topo/delete", named("sub-2")),
                ("combine/login", proof("sub-2")),
                ("combine/batch_login", {"deviceList": [proof("sub-2")]}),
            )
        ]
        listed = await client.ask("thing/topo/get", {})

    assert codes == [460] * 4
    assert listed["data"] == []


async def test_a_full_gateway_may_say_again_what_it_has(world: GatewayWorld) -> None:
    async with world.client() as client:
        await client.log_in()
        await client.attach("sub-1", "sub-2")
        await client.attach("sub-1", "sub-2")
        answer = await client.ask("thing/topo/add", [proof("sub-3")])

    assert answer["code"] == 6400


async def test_a_subdevice_moves_to_the_gateway_that_adds_it_last(world: GatewayWorld) -> None:
    async with world.client() as first, world.client("gateway-2") as second:
        await first.log_in()
        await second.log_in()
        await first.open("sub-1")
        await second.attach("sub-1")
        told = first.message(await first.receive(), f"/ext/error/{GATEWAYS}/gateway-1")

        assert (told["code"], told["data"]) == (6401, named("sub-1")[0])
        assert (await first.ask("combine/login", proof("sub-1")))["code"] == 6401
        assert (await first.ask("thing/topo/delete", named("sub-1")))["code"] == 6401
        assert (await second.ask("combine/login", proof("sub-1")))["code"] == 200
    assert await behind(world) == {world.ids["sub-1"]: world.ids["gateway-2"]}


async def test_a_deleted_topology_ends_the_session(world: GatewayWorld) -> None:
    async with world.client() as client:
        await client.log_in()
        await client.open("sub-1", "sub-2")
        answer = await client.ask("thing/topo/delete", named("sub-1"), "9")

        assert answer == {"id": "9", "code": 200, "data": list(named("sub-1")), "message": "success"}
        assert (await client.ask("combine/logout", named("sub-1")[0]))["code"] == 520
        assert (await client.ask("combine/logout", named("sub-2")[0]))["code"] == 200
        assert (await client.ask("combine/login", proof("sub-1")))["code"] == 6401


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (named("sub-1", "sub-2"), 6401),
        (named("unknown"), 6100),
        ([{"productKey": FOREIGN, "deviceName": "sub-1"}], 6100),
        ({}, 460),
        ([{"deviceName": "sub-1"}], 460),
    ],
)
async def test_what_is_not_there_cannot_be_deleted(world: GatewayWorld, said: object, code: int) -> None:
    async with world.client() as client:
        await client.log_in()
        await client.attach("sub-1")
        answer = await client.ask("thing/topo/delete", said)

    assert answer["code"] == code
    assert await behind(world) == {world.ids["sub-1"]: world.ids["gateway-1"]}


async def test_a_gateway_hears_what_the_api_does_to_its_topology(world: GatewayWorld) -> None:
    both = ((SUBDEVICES, "sub-1"), (SUBDEVICES, "sub-2"))
    gateway = world.ids["gateway-1"]
    async with world.client() as client:
        await client.log_in()
        await world.gateway.on_commands(
            [
                TellGateway(gateway, TopologyChange.DISABLED, both, "5"),
                TellGateway(gateway, None, both, "6"),
                TellGateway(world.ids["gateway-2"], TopologyChange.ADDED, both, "7"),  # is not connected
            ]
        )
        changed = client.message(await client.receive(), f"/sys/{GATEWAYS}/gateway-1/thing/topo/change")
        wanted = client.message(await client.receive(), f"/sys/{GATEWAYS}/gateway-1/thing/topo/add/notify")

    assert changed == {
        "id": "5",
        "version": "1.0",
        "params": {"status": 8, "subList": list(named("sub-1", "sub-2"))},
        "method": "thing.topo.change",
    }
    assert wanted == {
        "id": "6",
        "version": "1.0",
        "params": list(named("sub-1", "sub-2")),
        "method": "thing.topo.add.notify",
    }


async def test_a_device_on_its_own_connection_does_not_mind_its_topology(world: GatewayWorld) -> None:
    async with world.client() as gateway, world.client("sub-1", SUBDEVICES) as direct:
        await gateway.log_in()
        await gateway.attach("sub-1")
        await direct.log_in()
        command = SubDevicesDetached(world.ids["gateway-1"], (world.ids["sub-1"],))
        await world.gateway.on_commands([command])
        await direct.ask("thing/topo/get", {})

        assert world.gateway.connections == 2


async def test_a_subdevice_that_is_deleted_meanwhile_is_not_added(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = world.gateway._subdevices._requests.find

    async def delete_after_finding(*arguments: Any) -> Any:
        devices_found = await found(*arguments)
        await world.store.write(lambda tx: tx.execute(delete(devices).where(devices.c.id == world.ids["sub-1"])))
        return devices_found

    monkeypatch.setattr(world.gateway._subdevices._requests, "find", delete_after_finding)
    async with world.client() as client:
        await client.log_in()
        answer = await client.ask("thing/topo/add", [proof("sub-1"), proof("sub-2")])

    assert answer["code"] == 6100
    assert await behind(world) == {}


@pytest.mark.parametrize("service", ["thing/sub/register", "thing/proxy/provisioning/product_register"])
async def test_no_secret_goes_over_a_plain_connection(world: GatewayWorld, service: str) -> None:
    async with world.client() as client:
        await client.log_in()
        answer = await client.ask(service, {"proxieds": [proof("sub-1")]} if "proxy" in service else named("sub-1"))

    assert answer["code"] == 6288
    assert "TLS" in answer["message"]


async def test_a_store_that_does_not_answer_is_said(world: GatewayWorld) -> None:
    async with world.client() as client:
        await client.log_in()
        await world.store.write(topology.drop)
        answer = await client.ask("thing/topo/add", [proof("sub-1")])
        await world.store.write(topology.create)

    assert answer["code"] == 500
