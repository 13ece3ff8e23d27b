"""When the gateway sends a push, and what it says of those that did not arrive."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from skyferry.bus.messages import (
    Connected,
    DisconnectDevice,
    Disconnected,
    Notice,
    NoticeKind,
    NoticeUndelivered,
    VersionReported,
    WithdrawPush,
)
from skyferry.devices.mqtt.packets import PingReq, PingResp, PubAck, Publish, SubAck, Subscribe, UnsubAck, Unsubscribe
from tests.unit.devices.fleet import PRODUCT_KEY
from tests.unit.devices.support import until
from tests.unit.devices.world import INFORM, NOW, OFFER, SOURCE, UPGRADE, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World.make(tmp_path)
    yield world
    await world.stop()


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


async def test_what_the_device_has_said_that_it_runs_is_not_pushed_but_said_again(world: World) -> None:
    """The report is stored, but a worker was behind when it sent the push."""
    key = world.ids["dev-1"]
    async with world.client() as client:
        await world.log_in(client, "dev-1")
        await client.send(Publish(f"{INFORM}/dev-1", b'{"id":1,"params":{"version":"2.0.0"}}', 1, 4))
        assert await client.receive() == PubAck(4)
        for task_id, payload in ((1, OFFER), (2, OFFER.replace(b"2.0.0", b"2.0.0.1"))):
            await world.gateway.on_commands([world.push("dev-1", task_id, payload)])
        assert await client.receive() == Publish(f"{UPGRADE}/dev-1", OFFER.replace(b"2.0.0", b"2.0.0.1"), 1, 1)
        assert world.bus.of(VersionReported) == [VersionReported(key, "default", "2.0.0", NOW)] * 2

        await client.send(Publish(f"{INFORM}/dev-1", SOURCE, 1, 5))
        assert await client.receive() == PubAck(5)
        await world.gateway.on_commands([world.push("dev-1", 3)])
        assert await client.receive() == Publish(f"{UPGRADE}/dev-1", OFFER, 1, 2), "it went back to an older one"


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
