"""The gateway from its two ends: devices on real connections, workers on a bus that records."""

import asyncio
import dataclasses
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
    WithdrawPush,
)
from skyferry.devices.gateway import DeviceGateway
from skyferry.devices.limits import GatewaySettings, MqttLimits
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
    UnsubAck,
    Unsubscribe,
)
from skyferry.keys import SecretBox
from skyferry.store.engine import Store
from tests.support import databases
from tests.unit.devices.fleet import PRODUCT_KEY, add_devices, add_product, make_store
from tests.unit.devices.support import NO_OBJECTS, PATIENCE, Client, RecordingBus, until
from tests.unit.devices.test_authentication import signed

BOX = SecretBox(bytes(32))
NOW = 1_700_000_000_000
ACCEPTED = ConnAck(ConnectCode.ACCEPTED)
INFORM = "/ota/device/inform/" + PRODUCT_KEY
RETOLD_S = 0.05
UPGRADE = "/ota/device/upgrade/" + PRODUCT_KEY
SOURCE = b'{"id":1, "params":{"version":"1.0.0"}}'
OFFER = b'{"code":"1000","data":{"version":"2.0.0"},"id":1,"message":"success"}'


class FixedClock:
    def now_ms(self) -> int:
        return NOW


class World:
    """A gateway with three devices in its store."""

    def __init__(self, store: Store, ids: dict[str, int], settings: GatewaySettings) -> None:
        self.bus = RecordingBus()
        self.gateway = DeviceGateway(store, BOX, self.bus, FixedClock(), settings, objects=NO_OBJECTS)
        self.ids = ids
        self.port = 0

    def client(self) -> Client:
        return Client(self.port)

    def push(self, name: str, task_id: int | None = 9, payload: bytes = OFFER) -> Notice:
        return Notice(self.ids[name], NoticeKind.PUSH, payload, task_id)

    async def log_in(self, client: Client, name: str, *, silent: bool = True) -> None:
        await client.send(login(name, silent=silent))
        assert await client.receive() == ACCEPTED


def login(name: str, *, silent: bool = True) -> Connect:
    system = ",_ss=1" if silent else ""
    password = signed("b", name, "1").upper().encode()
    return Connect(
        f"b|securemode=3,signmethod=hmacsha256,timestamp=1{system}|", f"{name}&{PRODUCT_KEY}", password, 1_200
    )


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    store = await make_store(tmp_path)
    await store.write(add_product, PRODUCT_KEY)
    ids = await store.write(add_devices, BOX, PRODUCT_KEY, ["dev-1", "dev-2", "dev-3"])
    settings = GatewaySettings(push_delay_ms=3_600_000, retold_s=RETOLD_S, mqtt=MqttLimits(linger_s=0.5))
    world = World(store, ids, settings)
    world.port = await world.gateway.start("127.0.0.1", 0)
    yield world
    world.bus.hold = False
    world.bus.store()
    await world.gateway.stop()
    await store.close()


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


async def test_a_push_waits_for_the_version_report_of_a_device_that_subscribes_to_nothing(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await world.gateway.on_commands([world.push("dev-1")])
        await client.send(Subscribe(1, ((f"{UPGRADE}/dev-1", 0),)), PingReq())
        assert [await client.receive(), await client.receive()] == [SubAck(1, (0,)), PingResp()]
        await client.send(Publish(f"{INFORM}/dev-1", SOURCE, 1, 4))
        received = [await client.receive(), await client.receive()]
        assert PubAck(4) in received
        assert Publish(f"{UPGRADE}/dev-1", OFFER, 1, 1) in received
        await client.send(PubAck(1), PingReq())
        assert await client.receive() == PingResp(), "once, though it subscribed as well"
    await until(lambda: world.gateway.connections == 0)
    assert world.bus.of(NoticeUndelivered) == []


async def test_a_push_that_was_claimed_before_the_log_in_is_left_to_the_worker(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        for task_id, claimed_at in ((1, NOW - 1), (2, NOW)):
            push = dataclasses.replace(world.push("dev-1", task_id, b"%d" % task_id), claimed_at=claimed_at)
            await world.gateway.on_commands([push])
        await client.send(Publish(f"{INFORM}/dev-1", SOURCE), PingReq())
        received = [await client.receive(), await client.receive()]
        assert PingResp() in received
        assert Publish(f"{UPGRADE}/dev-1", b"2", 1, 1) in received
    await until(lambda: world.gateway.connections == 0)
    assert world.bus.of(NoticeUndelivered) == [NoticeUndelivered(world.ids["dev-1"], 2, NOW)]


async def test_a_push_that_its_withdrawal_has_overtaken_is_not_sent(world: World) -> None:
    """The worker that claimed and the process that cancelled are two: what they say may arrive the other way round."""
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await client.send(Publish(f"{INFORM}/dev-1", SOURCE, 1, 4))
        assert await client.receive() == PubAck(4)
        await world.gateway.on_commands([WithdrawPush(world.ids["dev-1"], 1, told_at=NOW + 10)])
        claimed = {1: NOW + 9, 2: NOW + 9}
        for task_id, claimed_at in claimed.items():
            push = dataclasses.replace(world.push("dev-1", task_id, b"%d" % task_id), claimed_at=claimed_at)
            await world.gateway.on_commands([push])
        again = dataclasses.replace(world.push("dev-1", 1, b"again"), claimed_at=NOW + 11)
        await world.gateway.on_commands([again])
        assert await client.receive() == Publish(f"{UPGRADE}/dev-1", b"2", 1, 1)
        assert await client.receive() == Publish(f"{UPGRADE}/dev-1", b"again", 1, 2)
        await client.send(PubAck(1), PubAck(2), PingReq())
        assert await client.receive() == PingResp()
    await until(lambda: world.gateway.connections == 0)
    assert world.bus.of(NoticeUndelivered) == [NoticeUndelivered(world.ids["dev-1"], 1, NOW)], "in case it goes on"


async def test_a_push_waits_for_the_subscription_of_a_device_that_subscribes(world: World) -> None:
    filters = ((f"{UPGRADE}/dev-1", 0), ("/ota/#", 1), (f"/ota/device/+/{PRODUCT_KEY}/dev-1", 2))
    async with world.client() as client:
        await world.log_in(client, "dev-1", silent=False)
        await world.gateway.on_commands([world.push("dev-1")])
        await client.send(PingReq())
        assert await client.receive() == PingResp()
        await client.send(Subscribe(1, filters), Unsubscribe(2, ("/ota/#",)), PingReq())
        assert [await client.receive() for _ in range(4)] == [
            SubAck(1, (0, 1, 1)),
            Publish(f"{UPGRADE}/dev-1", OFFER, 1, 1),
            UnsubAck(2),
            PingResp(),
        ]


async def test_a_device_that_restarted_into_the_new_version_is_not_pushed_to(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await world.gateway.on_commands([world.push("dev-1")])
        await client.send(Publish(f"{INFORM}/dev-1", b'{"id":1,"params":{"version":"2.0.0"}}', 1, 4))
        assert await client.receive() == PubAck(4)
        await world.gateway.on_commands([Notice(world.ids["dev-1"], NoticeKind.GET_REPLY, b"{}", None)])
        answer = await client.receive()
        assert isinstance(answer, Publish)
        assert answer.topic.endswith("get_reply")


async def test_what_cannot_be_delivered_is_reported(world: World) -> None:
    await world.gateway.on_commands(
        [
            world.push("dev-1", 1),
            world.push("dev-2", None),
            Notice(world.ids["dev-3"], NoticeKind.GET_REPLY, b"{}", 3),
            DisconnectDevice(world.ids["dev-1"]),
            Notice(999, NoticeKind.GET_REPLY, b"{}", None),
        ]
    )
    assert world.bus.reports == [
        NoticeUndelivered(world.ids["dev-1"], 1, NOW),
        NoticeUndelivered(world.ids["dev-3"], 3, NOW),
    ]


async def test_a_push_that_was_not_acknowledged_is_undelivered(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await client.send(Publish(f"{INFORM}/dev-1", SOURCE, 1, 4))
        assert await client.receive() == PubAck(4)
        await world.gateway.on_commands([world.push("dev-1", 1), world.push("dev-1", 2)])
        assert [type(await client.receive()) for _ in range(2)] == [Publish, Publish]
        await client.send(PubAck(1), PingReq())
        assert await client.receive() == PingResp()
    await until(lambda: world.gateway.connections == 0)
    connected = world.bus.reports[0]
    assert isinstance(connected, Connected)
    assert world.bus.reports[2:] == [
        Disconnected(world.ids["dev-1"], connected.connection_id, NOW),
        NoticeUndelivered(world.ids["dev-1"], 2, NOW),
    ]


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


async def test_a_push_without_puback_keeps_a_connection_to_the_last(world: World) -> None:
    async with world.client() as client:
        await world.log_in(client, "dev-1", silent=False)
        await client.send(Subscribe(1, ((f"{UPGRADE}/dev-1", 1),)))
        assert await client.receive() == SubAck(1, (1,))
        await world.gateway.on_commands([world.push("dev-1")])
        assert await client.receive() == Publish(f"{UPGRADE}/dev-1", OFFER, 1, 1)
        await world.gateway.drain(0.01)
        assert world.gateway.connections == 1
        await client.send(PubAck(1), PingReq())
        assert await client.receive() == PingResp()
        await world.gateway.drain(0.01)
        assert await client.closed() == []
