"""The bus between processes on a real NATS: who hears what, and what becomes of what nobody takes."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

import pytest

from skyferry.bus import wire
from skyferry.bus.messages import (
    Command,
    DisconnectDevice,
    Notice,
    NoticeKind,
    NoticeUndelivered,
    Report,
    VersionReported,
    WithdrawPush,
)
from skyferry.bus.names import Names, part_of
from skyferry.bus.nats import WAKE, NatsBus, NatsSettings
from tests.support.nats import NatsServer

NOW = 1_000
HERE, THERE, NOWHERE = 16, 32, 48
"""Devices, all of one part: connected to the first process, to the second, and to one that is dead."""


class FixedClock:
    def now_ms(self) -> int:
        return NOW


class Process:
    """A process with devices: what it is told."""

    def __init__(self, url: str, installation: str, name: str) -> None:
        self.told: list[Command] = []
        self.heard = asyncio.Event()
        self.woken = asyncio.Event()
        self.hinted = asyncio.Event()
        self.may_take = asyncio.Event()
        self.may_take.set()
        settings = NatsSettings(url=url, names=Names(installation), process=name, command_s=0.2)
        self.bus = NatsBus(settings, where, FixedClock())
        self.bus.attach_gateway(self.take)
        self.bus.on_hint(WAKE, self.woken.set)
        self.bus.on_hint("moved", self.hinted.set)

    async def take(self, commands: Sequence[Command]) -> None:
        await self.may_take.wait()
        self.told += commands
        self.heard.set()


async def where(device_ids: Collection[int]) -> Mapping[int, str]:
    places = {HERE: "one", THERE: "two", NOWHERE: "dead"}
    return {device_id: places[device_id] for device_id in device_ids if device_id in places}


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as started:
        yield started


@pytest.fixture
async def processes(nats: NatsServer, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Process, Process]]:
    installation = request.node.name.replace("_", "")[:32]
    one, two = (Process(nats.url, installation, name) for name in ("one", "two"))
    await one.bus.start()
    await two.bus.start()
    yield one, two
    await one.bus.stop()
    await two.bus.stop()


async def stored_reports(bus: NatsBus, part: int, count: int) -> list[Report]:
    reader = await bus.stream.reader(part, 0)
    found: list[Report] = []
    while len(found) < count:
        found += [report for parcel in await reader.next() for report in wire.unpack_reports(parcel.body)]
    await reader.close()
    return found


async def test_a_command_goes_to_the_process_that_holds_the_device(processes: tuple[Process, Process]) -> None:
    one, two = processes
    here, there = WithdrawPush(HERE, 1), Notice(THERE, NoticeKind.PUSH, b"{}", 7, NOW)
    await one.bus.command([here, there])
    assert one.told == [here]
    assert two.told == [there]


async def test_a_push_that_nobody_takes_is_reported_as_undelivered(processes: tuple[Process, Process]) -> None:
    one, _ = processes
    await one.bus.command([Notice(NOWHERE, NoticeKind.PUSH, b"{}", 7, NOW), WithdrawPush(NOWHERE, 8)])
    assert await stored_reports(one.bus, part_of(NOWHERE), 1) == [NoticeUndelivered(NOWHERE, 7, NOW)]


async def test_a_push_for_a_device_that_is_offline_is_reported_as_undelivered(
    processes: tuple[Process, Process],
) -> None:
    one, _ = processes
    await one.bus.command([Notice(5, NoticeKind.PUSH, b"{}", 7, NOW)])
    assert await stored_reports(one.bus, 5, 1) == [NoticeUndelivered(5, 7, NOW)]


async def test_a_process_that_is_slow_to_answer_is_told_once(processes: tuple[Process, Process]) -> None:
    one, two = processes
    two.may_take.clear()
    slow, quick = Notice(THERE, NoticeKind.PUSH, b"{}", 7, NOW), Notice(HERE, NoticeKind.PUSH, b"{}", 8, NOW)
    await one.bus.command([slow, quick])
    assert one.told == [quick]
    assert not two.told
    await asyncio.sleep(0.3)  # it is asked a second time
    two.may_take.set()
    await one.bus.command([Notice(THERE, NoticeKind.PUSH, b"{}", 9, NOW)])
    assert [notice.task_id for notice in two.told if isinstance(notice, Notice)] == [7, 9]
    await one.bus.command([Notice(NOWHERE, NoticeKind.PUSH, b"{}", 10, NOW)])
    assert await stored_reports(one.bus, part_of(NOWHERE), 1) == [NoticeUndelivered(NOWHERE, 10, NOW)]


async def test_a_push_that_a_process_never_takes_is_reported_as_undelivered(
    processes: tuple[Process, Process],
) -> None:
    one, two = processes
    two.may_take.clear()
    await one.bus.command([Notice(THERE, NoticeKind.PUSH, b"{}", 7, NOW)])
    assert await stored_reports(one.bus, part_of(THERE), 1) == [NoticeUndelivered(THERE, 7, NOW)]
    two.may_take.set()


async def test_commands_that_failed_are_tried_again(processes: tuple[Process, Process]) -> None:
    one, two = processes
    take, failed = two.take, asyncio.Event()

    async def fail_once(commands: Sequence[Command]) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("not now")
        await take(commands)

    two.bus.attach_gateway(fail_once)
    await one.bus.command([WithdrawPush(THERE, 7)])
    await asyncio.wait_for(two.heard.wait(), 30)
    assert two.told == [WithdrawPush(THERE, 7)]


async def test_everyone_is_told_whose_connection_is_to_end(processes: tuple[Process, Process]) -> None:
    one, two = processes
    command = DisconnectDevice(THERE, connection_id="two-1")
    await one.bus.command([command])
    await asyncio.wait_for(asyncio.gather(one.heard.wait(), two.heard.wait()), 30)
    assert one.told == two.told == [command]


async def test_a_report_is_in_the_stream_when_its_future_ends(processes: tuple[Process, Process]) -> None:
    one, two = processes
    sent: list[Report] = [VersionReported(HERE, "default", str(number), NOW) for number in range(50)]
    await asyncio.gather(*(one.bus.report(report) for report in sent))
    assert await stored_reports(two.bus, part_of(HERE), 50) == sent


async def test_a_wake_wakes_here_at_once_and_there_soon(processes: tuple[Process, Process]) -> None:
    one, two = processes
    one.bus.wake()
    assert one.woken.is_set()
    await asyncio.wait_for(two.woken.wait(), 30)


async def test_a_hint_is_for_the_others(processes: tuple[Process, Process]) -> None:
    one, two = processes
    one.bus.hint("moved")
    one.bus.hint("unheard")
    await asyncio.wait_for(two.hinted.wait(), 30)
    assert not one.hinted.is_set()


async def test_the_bus_is_well_while_the_stream_answers(processes: tuple[Process, Process]) -> None:
    one, _ = processes
    await one.bus.check()
