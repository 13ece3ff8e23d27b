"""Downloads over MQTT: memory, pace, counts, and what is asked of the store how often (device-plane reference §2.9)."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from skyferry.bus.messages import Downloaded
from skyferry.devices.file_chunks import FileChunks
from skyferry.devices.file_downloads import FileDownloads
from skyferry.devices.limits import DownloadLimits
from skyferry.devices.requests import Request
from skyferry.ota.streams import Stream
from tests.support import blocks
from tests.support.blocks import Block
from tests.unit.devices.support import RecordingBus, until

CONTENT = bytes(range(256)) * 40
TOPIC = "/sys/pk/dn/thing/file/download"


class FixedClock:
    def now_ms(self) -> int:
        return 5


class Objects:
    """An object store with one file; counts what is open, and reads when the test lets it."""

    def __init__(self) -> None:
        self.open_readers = self.most_open = self.opened = 0
        self.error: OSError | None = None
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def open(self, name: str) -> "Reader":
        self.opened += 1
        if self.error is not None:
            raise self.error
        self.open_readers += 1
        self.most_open = max(self.most_open, self.open_readers)
        return Reader(self)


class Reader:
    size = len(CONTENT)

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def blocks(self, start: int, count: int) -> AsyncIterator[bytes]:
        await self._objects.go_on.wait()
        for at in range(start, start + count, 100):
            yield CONTENT[at : min(at + 100, start + count)]

    async def close(self) -> None:
        self._objects.open_readers -= 1


class FakeStore:
    """Knows one stream, and how often it was asked for it."""

    def __init__(self) -> None:
        self.stream: Stream | None = Stream(9, "blob", len(CONTENT))
        self.asked = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def read(self, _work: object, _device_id: int, number: int) -> Stream | None:
        self.asked += 1
        found = self.stream if number == 10 else None
        await self.go_on.wait()
        return found


class FakeSession:
    device_id = 1

    def __init__(self) -> None:
        self.unread = 0
        self.sent: list[Block] = []

    def send(self, topic: str, payload: bytes) -> None:
        assert topic == TOPIC + "_reply"
        self.sent.append(blocks.parse(payload))


class World:
    def __init__(self, **limits: Any) -> None:
        self.store, self.objects, self.bus = FakeStore(), Objects(), RecordingBus()
        settings: dict[str, Any] = {"chunk_bytes": 1_000, "cache_bytes": 3_000, "pace_s": 0.001, "sweep_s": 0.002}
        self.downloads = FileDownloads(
            self.store,  # type: ignore[arg-type]
            self.objects,  # type: ignore[arg-type]
            self.bus,
            FixedClock(),
            DownloadLimits(**(settings | limits)),
        )
        self.session = FakeSession()

    def ask(self, offset: int, size: int = 300, number: int = 10, session: FakeSession | None = None) -> None:
        payload = blocks.request(number, offset, size)
        asked = Request(session or self.session, TOPIC, "thing/file/download", payload)  # type: ignore[arg-type]
        assert self.downloads.handle(asked) is None

    async def answers(self, count: int) -> list[Block]:
        await until(lambda: len(self.session.sent) >= count)
        return self.session.sent


async def test_blocks_come_in_the_order_of_the_requests_and_the_store_is_asked_once() -> None:
    world = World()
    for offset in (0, 900, 1_800):
        world.ask(offset)
    sent = await world.answers(3)
    assert [block.content for block in sent] == [CONTENT[at : at + 300] for at in (0, 900, 1_800)]
    assert world.store.asked == 1
    await world.downloads.stop()
    assert world.objects.open_readers == 0


async def test_the_beginning_of_a_file_and_an_old_look_are_looked_up_again() -> None:
    world = World(recheck_s=0)
    for number, offset in enumerate((300, 600), start=1):
        world.ask(offset)
        await world.answers(number)
    assert world.store.asked == 2
    fresh = World()
    for number in (1, 2):
        fresh.ask(0)
        await fresh.answers(number)
    assert fresh.store.asked == 2


async def test_a_withdrawn_task_is_asked_for_again_even_while_a_look_up_runs() -> None:
    world = World()
    world.store.go_on.clear()
    world.ask(300)
    await until(lambda: world.store.asked == 1)
    world.store.stream = None
    world.downloads.withdraw(1, 9)
    world.store.go_on.set()
    assert (await world.answers(1))[0].code == 404
    assert world.store.asked == 2


async def test_a_withdrawn_task_takes_its_stream_with_it() -> None:
    world = World()
    world.ask(300)
    await world.answers(1)
    world.store.stream = None
    world.downloads.withdraw(1, 8)
    world.downloads.withdraw(2, 9)
    world.ask(600)
    assert (await world.answers(2))[1].code == 200
    world.downloads.withdraw(1, 9)
    world.ask(900)
    assert (await world.answers(3))[2].code == 404
    assert world.bus.counts == [Downloaded(9, 600, 2, 0, 5)]


async def test_a_device_has_few_requests_waiting_and_repeating_one_adds_none() -> None:
    world = World(requests_waiting=2)
    world.objects.go_on.clear()
    world.ask(0)
    await until(lambda: world.objects.open_readers == 1)
    for offset in (300, 600, 600, 900):
        world.ask(offset)
    assert [block.code for block in world.session.sent] == [429]
    world.objects.go_on.set()
    assert [block.offset for block in (await world.answers(4))[1:]] == [0, 300, 600]


async def test_a_device_that_does_not_read_is_sent_nothing_more_until_it_does() -> None:
    world = World()
    world.session.unread = 1_000_000
    world.ask(0)
    await asyncio.sleep(0.02)
    assert world.session.sent == []
    other = FakeSession()
    other.device_id = 2
    world.ask(0, session=other)
    await until(lambda: len(other.sent) == 1)
    world.session.unread = 0
    assert len(await world.answers(1)) == 1


async def test_a_device_that_stops_reading_keeps_its_place_among_the_blocks_on_their_way_for_a_while_only() -> None:
    world = World(blocks_at_once=1, stalled_s=0.01)
    world.objects.go_on.clear()
    world.ask(0)
    await until(lambda: world.objects.open_readers == 1)
    world.session.unread = 1_000_000
    other = FakeSession()
    other.device_id = 2
    world.ask(0, session=other)
    world.objects.go_on.set()
    await until(lambda: len(other.sent) == 1)


async def test_a_file_that_cannot_be_read_is_an_error_that_is_counted_and_can_be_asked_for_again() -> None:
    world = World()
    world.objects.error = FileNotFoundError("gone")
    world.ask(0)
    assert (await world.answers(1))[0].code == 500
    world.objects.error = None
    world.ask(0)
    assert (await world.answers(2))[1].code == 200
    await world.downloads.stop()
    assert world.bus.counts == [Downloaded(9, 300, 2, 1, 5)]


async def test_a_download_is_counted_when_it_is_whole_and_forgotten_when_it_is_idle() -> None:
    world = World(idle_s=0.01)
    world.ask(0, size=10_000)
    world.ask(10_000, size=10_000)
    await until(lambda: len(world.bus.counts) == 1)
    assert world.bus.counts == [Downloaded(9, len(CONTENT), 2, 0, 5)]
    await until(lambda: world.downloads.running == 0)


async def test_a_stranger_is_refused_and_not_counted() -> None:
    world = World()
    world.ask(0, number=11)
    assert (await world.answers(1))[0].code == 404
    await world.downloads.stop()
    assert world.bus.counts == []


async def test_what_cannot_be_read_gets_no_answer() -> None:
    world = World()
    for payload in (b"", b"{}", b'{"id":1,"params":{"fileInfo":{"streamId":-1}}}'):
        world.downloads.handle(Request(world.session, TOPIC, "thing/file/download", payload))  # type: ignore[arg-type]
    assert [block.code for block in world.session.sent] == [460, 460]
    assert world.downloads.running == 0


async def test_a_chunk_is_read_once_for_all_who_wait_and_kept_within_bounds() -> None:
    objects = Objects()
    chunks = FileChunks(objects, DownloadLimits(chunk_bytes=1_000, cache_bytes=2_000, reads=1))  # type: ignore[arg-type]
    size = len(CONTENT)
    found = await asyncio.gather(*(chunks.read("blob", size, at, 700) for at in (0, 0, 900, 2_000)))
    assert found == [CONTENT[at : at + 700] for at in (0, 0, 900, 2_000)]
    assert (objects.opened, objects.most_open) == (3, 1)
    await chunks.read("blob", size, 0, 10)
    assert objects.opened == 4
    await chunks.close()


async def test_a_file_that_shrank_cannot_be_read() -> None:
    chunks = FileChunks(Objects(), DownloadLimits())  # type: ignore[arg-type]
    with pytest.raises(OSError, match="shorter"):
        await chunks.read("blob", len(CONTENT) + 100, len(CONTENT), 50)
