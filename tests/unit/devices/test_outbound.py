"""When a push goes out, and what becomes of those that do not."""

import asyncio
from typing import Any

import pytest

from skyferry.bus.messages import Notice, NoticeKind
from skyferry.devices.inflight import InFlight
from skyferry.devices.limits import GatewaySettings
from skyferry.devices.mqtt.packets import SUBSCRIPTION_REFUSED
from skyferry.devices.outbound import Outbox
from skyferry.devices.topics import DeviceTopics
from tests.unit.devices.support import until

TOPICS = DeviceTopics("pk", "dn")
UPGRADE = "/ota/device/upgrade/pk/dn"
NEVER_MS = 3_600_000


class FakeChannel:
    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, int]] = []
        self.on_publish: Any = lambda: None
        self.in_flight: InFlight | None = None

    def publish(self, topic: str, payload: bytes, packet_id: int = 0) -> None:
        self.published.append((topic, payload, packet_id))
        self.on_publish()

    def close(self, reason: str) -> None:
        raise AssertionError(reason)

    def acknowledge(self, packet_id: int) -> None:
        assert self.in_flight
        self.in_flight.acknowledged(packet_id)

    @property
    def unread(self) -> int:
        return 0

    @property
    def is_storing(self) -> bool:
        return False

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _ in self.published]


def outbox(
    channel: FakeChannel, *, silent: bool = True, delay_ms: int = NEVER_MS, most: int = 32, room: int = 128
) -> Outbox:
    channel.in_flight = channel.in_flight or InFlight(room)
    settings = GatewaySettings(push_delay_ms=delay_ms, pushes_unacknowledged=most, subscriptions=3, topic_bytes=60)
    return Outbox(channel, channel.in_flight, TOPICS, settings, expects_system_topics=silent)


def push(task_id: int, version: str = "2", module: str | None = None, extra: str = "") -> Notice:
    named = f',"module":"{module}"' if module else ""
    payload = f'{{"code":"1000","data":{{"version":"{version}"{named}}},"id":1,"message":"success{extra}"}}'
    return Notice(1, NoticeKind.PUSH, payload.encode(), task_id)


def report(box: Outbox, version: str, module: str = "default") -> "asyncio.Future[None]":
    stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    box.version_reported(module, version, stored)
    return stored


async def test_answers_go_out_at_once_and_want_no_acknowledgement() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    assert box.deliver(Notice(1, NoticeKind.GET_REPLY, b"a", 5))
    assert box.deliver(Notice(1, NoticeKind.REQUEST_REPLY, b"b", None))
    assert channel.published == [
        ("/sys/pk/dn/thing/ota/firmware/get_reply", b"a", 0),
        ("/ota/device/request/pk/dn", b"b", 0),
    ]
    assert box.close() == []


async def test_a_push_waits_for_the_stored_version_report() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    assert box.deliver(push(5))
    stored = report(box, "1")
    await asyncio.sleep(0)
    assert channel.published == []
    stored.set_result(None)
    await until(lambda: bool(channel.published))
    assert channel.published == [(UPGRADE, push(5).payload, 1)]
    assert box.deliver(push(6))
    assert channel.payloads == [push(5).payload, push(6).payload], "from now on at once"


async def test_a_withdrawn_push_is_not_sent_and_not_lost_either() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    assert box.deliver(push(5))
    assert box.deliver(push(6))
    box.withdraw(5)
    box.withdraw(7)
    report(box, "1").set_result(None)
    await until(lambda: bool(channel.published))
    assert channel.payloads == [push(6).payload]
    assert box.close() == [6]


async def test_a_report_that_is_not_stored_releases_nothing() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    box.deliver(push(5))
    report(box, "1").set_exception(ConnectionError())
    await asyncio.sleep(0.01)
    assert channel.published == []
    assert box.close() == [5]


async def test_what_the_device_already_runs_is_not_pushed() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    for notice in (push(5, "2"), push(6, "3"), push(7, "2", "MCU")):
        box.deliver(notice)
    report(box, "2").set_result(None)
    await until(lambda: bool(channel.published))
    assert channel.payloads == [push(6, "3").payload, push(7, "2", "MCU").payload]
    assert box.close() == [6, 7]


@pytest.mark.parametrize("topic_filter", [UPGRADE, "/ota/#", "#", "/ota/device/+/pk/dn"])
async def test_a_subscription_releases_pushes_once(topic_filter: str) -> None:
    channel = FakeChannel()
    box = outbox(channel, silent=False)
    box.deliver(push(5))
    assert box.subscribe([(topic_filter, 1), (UPGRADE, 1), ("/ota/device/upgrade/+/dn", 0)]) == [1, 1, 0]
    assert channel.published == [], "not before the answer to the subscription"
    box.subscribed()
    assert channel.payloads == [push(5).payload]


async def test_another_subscription_releases_nothing() -> None:
    channel = FakeChannel()
    box = outbox(channel, silent=False)
    box.deliver(push(5))
    assert box.subscribe([("/sys/pk/dn/#", 1), ("/ota/device/upgrade/pk/other", 1)]) == [1, SUBSCRIPTION_REFUSED]
    box.subscribed()
    assert channel.published == []
    report(box, "1").set_result(None)
    await until(lambda: bool(channel.published))


async def test_a_device_that_subscribes_though_it_need_not_is_still_waited_for() -> None:
    channel = FakeChannel()
    box = outbox(channel, silent=True)
    box.deliver(push(5))
    box.subscribe([(UPGRADE, 1)])
    box.subscribed()
    assert channel.published == []


@pytest.mark.parametrize("silent", [True, False])
async def test_a_device_that_gives_no_sign_is_pushed_to_after_a_while(silent: bool) -> None:
    channel = FakeChannel()
    box = outbox(channel, silent=silent, delay_ms=50)
    box.deliver(push(5))
    box.deliver(push(6))
    assert channel.published == []
    await until(lambda: len(channel.published) == 2)
    await asyncio.sleep(0.06)
    box.deliver(push(7))
    assert channel.payloads == [push(5).payload, push(6).payload, push(7).payload]


async def test_a_late_push_to_a_silent_device_goes_out_at_once() -> None:
    channel = FakeChannel()
    box = outbox(channel, delay_ms=0)
    box.deliver(push(5))
    assert len(channel.published) == 1


async def test_only_the_newest_push_of_a_task_is_kept() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    for notice in (push(5, extra="old"), push(6), push(5, extra="new")):
        box.deliver(notice)
    report(box, "1").set_result(None)
    await until(lambda: bool(channel.published))
    assert channel.payloads == [push(6).payload, push(5, extra="new").payload]


async def test_what_is_held_or_unacknowledged_is_undelivered_at_the_end() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    box.deliver(push(5))
    report(box, "1").set_result(None)
    await until(lambda: bool(channel.published))
    box.deliver(push(6))
    channel.acknowledge(1)
    channel.acknowledge(77)
    assert box.close() == [6]
    assert box.close() == []


async def test_the_end_forgets_the_delay() -> None:
    channel = FakeChannel()
    box = outbox(channel, delay_ms=20)
    box.deliver(push(5))
    assert box.close() == [5]
    await asyncio.sleep(0.05)
    assert channel.published == []


async def test_a_connection_that_breaks_while_a_push_is_sent() -> None:
    channel = FakeChannel()
    box = outbox(channel)
    box.deliver(push(5))
    box.deliver(push(6))
    ends: list[list[int]] = []
    channel.on_publish = lambda: ends.append(box.close())
    report(box, "1").set_result(None)
    await until(lambda: bool(ends))
    assert ends == [[5, 6]]
    assert len(channel.published) == 1


async def test_a_device_that_never_acknowledges_gets_no_more() -> None:
    channel = FakeChannel()
    box = outbox(channel, delay_ms=0, most=2)
    assert [box.deliver(push(task_id)) for task_id in (1, 2, 3)] == [True, True, False]
    channel.acknowledge(1)
    assert box.deliver(push(3))
    assert [packet_id for _, _, packet_id in channel.published] == [1, 2, 3]


async def test_packet_ids_go_round_and_leave_out_those_in_use() -> None:
    channel = FakeChannel()
    box = outbox(channel, delay_ms=0)
    box.deliver(push(1))
    for _ in range(65_535):
        box.deliver(push(2))
        channel.acknowledge(channel.published[-1][2])
    assert channel.published[65_534][2] == 65_535
    assert channel.published[65_535][2] == 2


async def test_subscriptions_are_limited() -> None:
    box = outbox(FakeChannel())
    filters = [(f"/sys/pk/dn/{number}", 2) for number in range(4)]
    assert box.subscribe(filters) == [1, 1, 1, SUBSCRIPTION_REFUSED]
    assert box.subscribe(filters[:1]) == [1], "again is not one more"
    box.unsubscribe(["/sys/pk/dn/0", "never subscribed"])
    assert box.subscribe(filters[3:]) == [1]
    box.unsubscribe(["/sys/pk/dn/1"])
    assert box.subscribe([("/sys/pk/dn/" + "x" * 50, 0)]) == [SUBSCRIPTION_REFUSED]
