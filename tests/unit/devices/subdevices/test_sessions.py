"""Sub-devices that log in through a gateway: what they say, what they hear, and how it ends (device-plane §2.10)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from skyferry.bus.messages import (
    Cause,
    Connected,
    DisconnectDevice,
    Disconnected,
    Notice,
    NoticeKind,
    NoticeUndelivered,
    ProgressReported,
    SubDevicesDetached,
    VersionReported,
    WithdrawPush,
)
from skyferry.devices.limits import GatewaySettings
from skyferry.devices.mqtt.packets import PubAck, Publish
from skyferry.devices.subdevices.limits import SubDeviceLimits
from skyferry.store import topology
from skyferry.store.tables import devices
from tests.unit.devices.subdevices.gateway_world import (
    FOREIGN,
    GATEWAYS,
    NOW,
    SESSIONS,
    SUBDEVICES,
    GatewayClient,
    GatewayWorld,
    named,
    proof,
    push,
    pushed,
    quiet,
)
from tests.unit.devices.support import until

ERRORS = f"/ext/error/{GATEWAYS}/gateway-1"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[GatewayWorld]:
    world = await GatewayWorld.make(tmp_path, SESSIONS)
    yield world
    await world.stop()


@pytest.fixture
async def client(world: GatewayWorld) -> AsyncIterator[GatewayClient]:
    async with world.client() as client:
        await client.log_in()
        yield client


def inform(name: str, version: str = "1.0.0") -> Publish:
    payload = f'{{"id":1,"params":{{"version":"{version}"}}}}'
    return Publish(f"/ota/device/inform/{SUBDEVICES}/{name}", payload.encode(), 1, 3)


def presence(world: GatewayWorld, name: str) -> Sequence[type]:
    """Which reports of presence there were of a device."""
    return [
        type(report)
        for report in world.bus.reports
        if isinstance(report, Connected | Disconnected) and report.device_id == world.ids[name]
    ]


async def test_a_subdevice_comes_says_and_goes(world: GatewayWorld, client: GatewayClient) -> None:
    await client.attach("sub-1")

    assert await client.ask("combine/login", proof("sub-1"), 3) == {
        "id": 3,
        "code": 200,
        "data": named("sub-1")[0],
        "message": "success",
    }
    progress = Publish(f"/ota/device/progress/{SUBDEVICES}/sub-1", b'{"id":2,"params":{"step":"25"}}', 1, 4)
    await client.send(inform("sub-1"), progress)
    assert [await client.receive(), await client.receive()] == [PubAck(3), PubAck(4)]
    assert (await client.ask("combine/logout", named("sub-1")[0]))["data"] == named("sub-1")[0]

    device = world.ids["sub-1"]
    gateway, connected, *said, disconnected = world.bus.reports
    assert isinstance(gateway, Connected)
    assert isinstance(connected, Connected)
    assert connected.connection_id != gateway.connection_id
    assert connected == Connected(device, connected.connection_id, "127.0.0.1", NOW)
    assert said == [VersionReported(device, "default", "1.0.0", NOW), ProgressReported(device, None, 25, "", NOW)]
    assert disconnected == Disconnected(device, connected.connection_id, NOW)


async def test_a_batch_logs_in_and_out_as_a_whole(world: GatewayWorld, client: GatewayClient) -> None:
    await client.attach("sub-1", "sub-2")
    python = [proof(name, method="hmacSha256", client_id="c|_ss=1|") for name in ("sub-1", "sub-2")]
    for said in python:
        del said["signmethod"]

    batch = {"signMethod": "hmacSha256", "deviceList": python}
    assert (await client.ask("combine/batch_login", batch))["data"] == named("sub-1", "sub-2")
    assert world.gateway.connections == 3
    assert (await client.ask("combine/batch_logout", named("sub-1", "sub-3")))["data"] == named("sub-3")
    assert world.gateway.connections == 3
    assert (await client.ask("combine/batch_logout", named("sub-1", "sub-2")))["code"] == 200
    assert world.gateway.connections == 1


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([proof("sub-1"), proof("sub-2", secret="another")], 6287),
        ([proof("sub-1"), proof("sub-3")], 6401),
        ([proof("sub-1"), proof("unknown")], 6100),
        ([proof("sub-1"), proof("sub-1", product_key=FOREIGN)], 6100),
        ([proof("sub-1")] * 4, 460),
        ([], 460),
        (7, 460),
    ],
)
async def test_a_batch_with_one_wrong_device_logs_nobody_in(
    world: GatewayWorld, client: GatewayClient, said: object, code: int
) -> None:
    await client.attach("sub-1", "sub-2")

    assert (await client.ask("combine/batch_login", {"deviceList": said}))["code"] == code
    assert world.gateway.connections == 1


async def test_a_wrong_signature_tells_nothing_of_the_device(world: GatewayWorld, client: GatewayClient) -> None:
    await client.attach("sub-1")
    disable = update(devices).where(devices.c.id == world.ids["sub-1"]).values(disabled=True)
    await world.store.write(lambda tx: tx.execute(disable))

    codes = [
        (await client.ask("combine/login", proof(name, secret=secret)))["code"]
        for name, secret in (("sub-1", "wrong"), ("sub-2", "wrong"))
    ]
    assert codes == [6287, 6287]
    assert (await client.ask("combine/login", proof("sub-1")))["code"] == 6204


async def test_a_second_log_in_through_the_same_gateway_changes_nothing(
    world: GatewayWorld, client: GatewayClient
) -> None:
    await client.open("sub-1")
    await client.send(inform("sub-1"))
    await client.receive()
    await world.gateway.on_commands([push(world, "sub-1")])
    await pushed(client)

    assert (await client.ask("combine/login", proof("sub-1")))["code"] == 200
    assert presence(world, "sub-1") == [Connected]


async def test_no_more_than_the_limit_are_logged_in(world: GatewayWorld) -> None:
    await world.gateway.stop()
    settings = GatewaySettings(subdevices=SubDeviceLimits(subdevices=1))
    world = GatewayWorld(world.store, world.ids, settings)
    world.port = await world.gateway.start("127.0.0.1", 0)
    async with world.client() as client, world.client("gateway-2") as other:
        await client.log_in()
        await other.log_in()
        await client.open("sub-1")
        await world.store.write(_put_behind, world.ids["gateway-1"], world.ids["sub-2"])
        assert (await client.ask("combine/login", proof("sub-2")))["code"] == 428
        assert (await client.ask("combine/login", proof("sub-1")))["code"] == 200
    await world.gateway.stop()


def _put_behind(tx: Any, gateway_id: int, device_id: int) -> None:
    topology.attach(tx, gateway_id, [device_id], now=0)


async def test_a_gateway_speaks_only_for_those_who_are_logged_in(world: GatewayWorld, client: GatewayClient) -> None:
    await client.attach("sub-1", "sub-2")
    await client.ask("combine/login", proof("sub-1"))
    async with world.client("gateway-2") as other:
        await other.log_in()
        await other.send(inform("sub-1"))
        await other.receive()
    await client.send(inform("sub-2"), inform("sub-3"), Publish(f"/ota/device/inform/{FOREIGN}/sub-1", b"{}", 1, 3))
    for _ in range(3):
        assert await client.receive() == PubAck(3)

    assert world.bus.of(VersionReported) == []
    await client.send(inform("sub-1"))
    await client.receive()
    assert world.bus.of(VersionReported) == [VersionReported(world.ids["sub-1"], "default", "1.0.0", NOW)]


async def test_a_subdevice_is_no_gateway(world: GatewayWorld, client: GatewayClient) -> None:
    await client.open("sub-1")
    await client.say(f"/sys/{SUBDEVICES}/sub-1/thing/topo/get", {})
    await client.say(f"/ext/session/{SUBDEVICES}/sub-1/combine/login", proof("sub-2"))

    await quiet(client)


async def test_an_unreadable_request_gets_no_answer(client: GatewayClient) -> None:
    await client.send(Publish(f"/sys/{GATEWAYS}/gateway-1/thing/topo/add", b"[1]"))

    await quiet(client)


async def test_pushes_come_on_the_gateways_connection_once_the_subdevice_listens(
    world: GatewayWorld, client: GatewayClient
) -> None:
    await client.open("sub-1", "sub-2")
    await world.gateway.on_commands([push(world, "sub-1"), push(world, "sub-2", 10), push(world, "gateway-1", 11)])
    await quiet(client)

    await client.send(inform("sub-2"))
    assert (await pushed(client))[0] == "sub-2"
    assert await client.receive() == PubAck(3)
    await world.gateway.on_commands([WithdrawPush(world.ids["sub-1"], 9)])
    await client.send(inform("sub-1"))
    assert await client.receive() == PubAck(3)
    await quiet(client)


async def test_answers_to_subdevices_come_on_their_own_topics(world: GatewayWorld, client: GatewayClient) -> None:
    await client.open("sub-1")
    await world.gateway.on_commands([Notice(world.ids["sub-1"], NoticeKind.GET_REPLY, b"answer", None)])

    assert await client.receive() == Publish(f"/sys/{SUBDEVICES}/sub-1/thing/ota/firmware/get_reply", b"answer")


async def test_what_a_connection_does_not_acknowledge_waits_in_order(
    world: GatewayWorld, client: GatewayClient
) -> None:
    names = ["sub-1", "sub-2", "sub-3"]
    await client.open(*names)
    for name in names:
        await client.send(inform(name))
        await client.receive()
    await world.gateway.on_commands([push(world, name, task) for task, name in enumerate(names)])

    first, second = await pushed(client), await pushed(client)
    assert first[1] != second[1]
    await quiet(client)
    await client.send(PubAck(first[1]), PubAck(first[1]))
    third = await pushed(client)
    assert [first[0], second[0], third[0]] == names
    await client.send(PubAck(third[1]), PubAck(second[1]))
    await quiet(client)


async def test_a_gateway_that_goes_takes_its_subdevices_with_it(world: GatewayWorld, client: GatewayClient) -> None:
    await client.open("sub-1", "sub-2", "sub-3")
    for name in ("sub-1", "sub-2", "sub-3"):
        await client.send(inform(name))
        await client.receive()
    await world.gateway.on_commands([push(world, f"sub-{number}", number) for number in (1, 2, 3)])
    _, packet_id = await pushed(client)
    await client.send(PubAck(packet_id))
    await client.__aexit__(None, None, None)
    await until(lambda: world.gateway.connections == 0)

    for name in ("gateway-1", "sub-1", "sub-2", "sub-3"):
        assert presence(world, name) == [Connected, Disconnected]
    undelivered = {(report.device_id, report.task_id) for report in world.bus.of(NoticeUndelivered)}  # type: ignore[union-attr]
    assert undelivered == {(world.ids["sub-2"], 2), (world.ids["sub-3"], 3)}


async def test_a_subdevice_that_logs_in_elsewhere_leaves_its_gateway(
    world: GatewayWorld, client: GatewayClient
) -> None:
    await client.open("sub-1")
    async with world.client("sub-1", SUBDEVICES) as direct:
        await direct.log_in()
        told = client.message(await client.receive(), ERRORS)
        assert (told["code"], told["data"]) == (427, named("sub-1")[0])
        await client.send(inform("sub-1"))
        await client.receive()
        assert world.bus.of(VersionReported) == []
        assert (await client.ask("combine/login", proof("sub-1")))["code"] == 200
        assert await direct.closed() == []
    assert presence(world, "sub-1") == [Connected, Disconnected, Connected, Disconnected, Connected]


@pytest.mark.parametrize(("cause", "code"), [(Cause.DISABLED, 522), (Cause.DELETED, 521), (Cause.OTHER, 520)])
async def test_the_gateway_is_told_why_a_session_was_ended(
    world: GatewayWorld, client: GatewayClient, cause: Cause, code: int
) -> None:
    await client.open("sub-1", "sub-2")
    await world.gateway.on_commands([DisconnectDevice(world.ids["sub-1"], cause)])

    assert client.message(await client.receive(), ERRORS)["code"] == code
    await quiet(client)
    assert world.gateway.connections == 2


async def test_a_log_in_that_was_checked_before_its_topology_went_is_checked_again(
    world: GatewayWorld, client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.open("sub-2")
    await client.attach("sub-1")
    find, looks = world.gateway._subdevices._requests.find, 0

    async def detach_after_the_first_look(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        found = await find(*arguments)
        if looks == 1:
            await world.store.write(_take_away, world.ids["gateway-1"], world.ids["sub-1"])
            await world.gateway.on_commands([SubDevicesDetached(world.ids["gateway-1"], (world.ids["sub-1"],))])
        return found

    monkeypatch.setattr(world.gateway._subdevices._requests, "find", detach_after_the_first_look)

    assert (await client.ask("combine/login", proof("sub-1")))["code"] == 6401
    assert looks == 2


def _take_away(tx: Any, gateway_id: int, device_id: int) -> None:
    topology.detach(tx, gateway_id, [device_id])


async def test_a_gateway_that_left_during_a_log_in_leaves_no_session_behind(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, released = world.gateway._subdevices._requests.find, asyncio.Event()

    async def find_late(*arguments: Any) -> Any:
        found = await find(*arguments)
        await released.wait()
        return found

    async with world.client() as client:
        await client.log_in()
        await client.attach("sub-1")
        monkeypatch.setattr(world.gateway._subdevices._requests, "find", find_late)
        await client.say(f"/ext/session/{GATEWAYS}/gateway-1/combine/login", proof("sub-1"))
    await until(lambda: world.gateway.connections == 0)
    released.set()
    await asyncio.sleep(0.01)

    assert presence(world, "sub-1") == []
    assert world.gateway.connections == 0
