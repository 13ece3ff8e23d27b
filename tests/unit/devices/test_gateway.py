"""The gateway from its two ends: devices on real connections, workers on a bus that records."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import gmqtt
import pytest

from skyferry.bus.messages import (
    Connected,
    DisconnectDevice,
    Disconnected,
    Notice,
    NoticeKind,
    NoticeUndelivered,
    PackageRequested,
    ProgressReported,
    PullForm,
    VersionReported,
)
from skyferry.devices.gateway import DeviceGateway
from skyferry.devices.mqtt.packets import (
    SUBSCRIPTION_REFUSED,
    ConnAck,
    Connect,
    ConnectCode,
    PingReq,
    PingResp,
    PubAck,
    Publish,
    SubAck,
    Subscribe,
)
from skyferry.store.engine import Store
from tests.support import databases
from tests.unit.devices.fleet import PRODUCT_KEY
from tests.unit.devices.support import NO_OBJECTS, PATIENCE, Client, RecordingBus, until
from tests.unit.devices.world import (
    ACCEPTED,
    BOX,
    INFORM,
    NOW,
    OFFER,
    RETOLD_S,
    SOURCE,
    UPGRADE,
    FixedClock,
    World,
    login,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World.make(tmp_path)
    yield world
    await world.stop()


async def test_a_device_comes_says_and_goes(world: World) -> None:
    device_id = world.ids["dev-1"]
    async with world.client() as client:
        await client.send(
            login("dev-1"),
            PingReq(),  # the C SDK does not wait
            Publish(f"{INFORM}/dev-1", SOURCE),
            Publish(f"/ota/device/progress/{PRODUCT_KEY}/dev-1", b'{"id":2,"params":{"step":"25","desc":"d"}}', 1, 1),
            Publish(f"/sys/{PRODUCT_KEY}/dev-1/thing/ota/firmware/get", b'{"id":"7","params":{}}', 1, 2),
            Publish(f"/ota/device/request/{PRODUCT_KEY}/dev-1", b'{"id":0,"params":{"version":"1"}}', 1, 3),
        )
        assert [await client.receive() for _ in range(5)] == [ACCEPTED, PingResp(), PubAck(1), PubAck(2), PubAck(3)]
        assert world.gateway.connections == 1
    await until(lambda: world.gateway.connections == 0)
    connected, *said, disconnected = world.bus.reports
    assert isinstance(connected, Connected)
    assert connected == Connected(device_id, connected.connection_id, "127.0.0.1", NOW)
    assert said == [
        VersionReported(device_id, "default", "1.0.0", NOW),
        ProgressReported(device_id, None, 25, "d", NOW),
        PackageRequested(device_id, PullForm.GET, '"7"', None, None, NOW),
        PackageRequested(device_id, PullForm.REQUEST, "0", None, "1", NOW),
    ]
    assert disconnected == Disconnected(device_id, connected.connection_id, NOW)


async def test_connack_does_not_wait_for_the_report_but_puback_does(world: World) -> None:
    world.bus.hold = True
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await client.send(Publish(f"{INFORM}/dev-1", SOURCE, 1, 4), PingReq())
        assert await client.receive() == PingResp()
        assert [type(report) for report in world.bus.reports] == [Connected, VersionReported]
        world.bus.store()
        assert await client.receive() == PubAck(4)


@pytest.mark.statement("4.8.0-2")
async def test_a_report_that_is_not_stored_is_sent_again_by_the_device(world: World) -> None:
    world.bus.hold = True
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await client.send(Publish(f"{INFORM}/dev-1", SOURCE, 1, 4))
        await until(lambda: len(world.bus.reports) == 2)
        world.bus.store(ConnectionError("no worker"))
        assert await client.closed() == []
    async with world.client() as client:
        await client.send(login("dev-1"), Publish(f"{INFORM}/dev-1", SOURCE, 1, 4, dup=True))
        await until(lambda: len(world.bus.of(VersionReported)) == 2)


@pytest.mark.parametrize("qos", [0, 1])
async def test_a_device_whose_words_are_not_stored_comes_again_and_repeats_them(world: World, qos: int) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        world.bus.hold = True
        await client.send(Publish(f"{INFORM}/dev-1", SOURCE, qos, qos))
        await until(lambda: len(world.bus.reports) == 2)
        world.bus.store(OSError("the disk is full"))
        assert await client.closed() == []


async def test_a_device_whose_log_in_is_not_stored_comes_again(world: World) -> None:
    world.bus.hold = True
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        world.bus.store(OSError("the disk is full"))
        assert await client.closed() == []


async def test_the_newer_connection_does_not_end_with_what_was_not_stored_of_the_older(world: World) -> None:
    world.bus.hold = True
    async with world.client() as older, world.client() as newer:
        await world.log_in(older, "dev-1")
        await world.log_in(newer, "dev-1")
        assert await older.closed() == []
        world.bus.held.pop(0).set_exception(OSError("the disk is full"))
        await newer.send(PingReq())
        assert await newer.receive() == PingResp()


async def test_an_end_that_is_not_stored_is_told_until_it_is(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        world.bus.hold = True
    for told in (1, 2):
        await until(lambda told=told: len(world.bus.of(Disconnected)) == told)  # type: ignore[misc]
        world.bus.store(OSError("the disk is full"))
    world.bus.hold = False
    await until(lambda: len(world.bus.of(Disconnected)) == 3)
    assert len(set(world.bus.of(Disconnected))) == 1


async def test_an_end_that_is_not_stored_is_not_told_when_the_device_is_back(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        world.bus.hold = True
    await until(lambda: len(world.bus.of(Disconnected)) == 1)
    world.bus.store(OSError("the disk is full"))
    world.bus.hold = False
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await asyncio.sleep(3 * RETOLD_S)
        assert len(world.bus.of(Disconnected)) == 1


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (Connect("b", "dev-1&" + PRODUCT_KEY, b"x"), ConnectCode.IDENTIFIER_REJECTED),
        (Connect("b||", "dev-1&" + PRODUCT_KEY, b"x"), ConnectCode.BAD_CREDENTIALS),
        (Connect("b|authType=register|", "dev-1&" + PRODUCT_KEY, b"x"), ConnectCode.NOT_AUTHORIZED),
    ],
)
async def test_refusals(world: World, packet: Connect, code: ConnectCode) -> None:
    async with world.client() as client:
        await client.send(packet, Publish(f"{INFORM}/dev-1", SOURCE, 1, 4))
        assert await client.closed() == [ConnAck(code)]
    assert world.bus.reports == []
    assert world.gateway.connections == 0


async def test_a_store_that_fails_is_unavailable(tmp_path: Path) -> None:
    store = Store(databases.url(tmp_path / "empty.sqlite", empty=True))
    gateway = DeviceGateway(store, BOX, RecordingBus(), FixedClock(), objects=NO_OBJECTS)
    async with Client(await gateway.start("127.0.0.1", 0)) as client:
        await client.send(login("dev-1"))
        assert await client.closed() == [ConnAck(ConnectCode.SERVER_UNAVAILABLE)]
    await gateway.stop()
    await store.close()


async def test_the_second_connection_replaces_the_first(world: World) -> None:
    device_id = world.ids["dev-1"]
    async with world.client() as one, world.client() as two:
        await world.log_in(one, "dev-1")
        await world.gateway.on_commands([world.push("dev-1")])
        await world.log_in(two, "dev-1")
        assert await one.closed() == []
        assert world.gateway.connections == 1
        first, gone, undelivered, second = world.bus.reports
        assert isinstance(first, Connected)
        assert isinstance(second, Connected)
        assert first.connection_id != second.connection_id
        assert gone == Disconnected(device_id, first.connection_id, NOW)
        assert undelivered == NoticeUndelivered(device_id, 9, NOW)
        await world.gateway.on_commands([Notice(device_id, NoticeKind.GET_REPLY, b"{}", None)])
        assert isinstance(await two.receive(), Publish)


async def test_others_topics_and_nonsense_are_dropped_and_acknowledged(world: World) -> None:
    messages = [
        (f"{INFORM}/dev-2", SOURCE),
        ("/ota/device/inform/a1Other/dev-1", SOURCE),
        ("nonsense", b"\xff"),
        (f"/sys/{PRODUCT_KEY}/dev-2/thing/event/property/post", b"{}"),
        (f"{INFORM}/dev-1", b"\xff\xfe"),
        (f"{INFORM}/dev-1", b'{"id":1,"params":{"version":"not a version"}}'),
        (f"{INFORM}/dev-1", b"[" * 200_000),
    ]
    async with world.client() as client, world.client() as other:
        await world.log_in(client, "dev-1")
        await world.log_in(other, "dev-2")
        for number, (topic, payload) in enumerate(messages, 1):
            await client.send(Publish(topic, payload, 1, number))
            assert await client.receive() == PubAck(number)
        await client.send(Subscribe(1, ((f"{UPGRADE}/dev-2", 1), (f"{UPGRADE}/dev-1", 1))))
        assert await client.receive() == SubAck(1, (SUBSCRIPTION_REFUSED, 1))
        await world.gateway.on_commands([Notice(world.ids["dev-2"], NoticeKind.GET_REPLY, b"{}", None)])
        assert isinstance(await other.receive(), Publish)
        await client.send(PingReq())
        assert await client.receive() == PingResp(), "and nothing of the other's"
    assert [type(report) for report in world.bus.reports[:2]] == [Connected, Connected]
    assert world.bus.of(VersionReported) == []


async def test_garbage_after_the_log_in_takes_the_device_offline(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await client.send(b"\xff" * 100)
        assert await client.closed() == []
    await until(lambda: [type(report) for report in world.bus.reports] == [Connected, Disconnected])


async def test_disconnect_command(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await world.gateway.on_commands([DisconnectDevice(world.ids["dev-1"])])
        assert await client.closed() == []
    assert world.gateway.connections == 0


async def test_a_bus_without_workers_keeps_no_device(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(report: object) -> None:
        raise ConnectionError("no worker is attached")

    monkeypatch.setattr(world.bus, "report", refuse)
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        assert await client.closed() == []


async def test_stop_waits_until_the_reports_are_stored(world: World) -> None:
    world.bus.hold = True
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        world.gateway.check()
        stopping = asyncio.create_task(world.gateway.stop())
        await until(lambda: len(world.bus.reports) == 2)
        assert await client.closed() == []
        await asyncio.sleep(0.01)
        assert not stopping.done()
        world.bus.store()
        await stopping
    assert [type(report) for report in world.bus.reports] == [Connected, Disconnected]
    with pytest.raises(ConnectionError):
        world.gateway.check()


async def test_check_before_the_start(world: World, tmp_path: Path) -> None:
    gateway = DeviceGateway(Store(databases.url(tmp_path / "x")), BOX, world.bus, FixedClock(), objects=NO_OBJECTS)
    with pytest.raises(ConnectionError):
        gateway.check()


async def test_a_client_library(world: World) -> None:
    packet = login("dev-1", silent=False)
    messages: list[tuple[str, bytes]] = []
    client = gmqtt.Client(packet.client_id)
    client.set_auth_credentials(packet.username, packet.password)
    client.on_message = lambda _client, topic, payload, *_: messages.append((topic, payload))
    await client.connect("127.0.0.1", world.port, keepalive=60, version=4)
    await world.gateway.on_commands([world.push("dev-1")])
    client.subscribe(f"{UPGRADE}/dev-1", qos=1)
    await until(lambda: bool(messages))
    client.publish(f"{INFORM}/dev-1", SOURCE.decode(), qos=1)
    await until(lambda: bool(world.bus.of(VersionReported)))
    await client.disconnect()
    await until(lambda: world.gateway.connections == 0)
    assert messages == [(f"{UPGRADE}/dev-1", OFFER)]
    assert world.bus.of(NoticeUndelivered) == []


async def test_a_gateway_that_drains_lets_nobody_in_and_finishes_what_is_under_way(world: World) -> None:
    async with world.client() as waiting, world.client() as resting:
        await world.log_in(waiting, "dev-1")
        await world.log_in(resting, "dev-2")
        world.bus.hold = True
        await waiting.send(Publish(f"{INFORM}/dev-1", SOURCE, 1, 4))
        await until(lambda: len(world.bus.of(VersionReported)) == 1)
        draining = asyncio.create_task(world.gateway.drain(PATIENCE))
        assert await resting.closed() == []
        world.gateway.check()
        with pytest.raises(ConnectionRefusedError):
            await world.client().__aenter__()
        draining.cancel()
        world.bus.store()
        assert await waiting.receive() == PubAck(4)
        assert world.gateway.connections == 1
