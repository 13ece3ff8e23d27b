"""The stream of reports on a real NATS: stored once, read in order from a position on, purged behind it."""

from collections.abc import AsyncIterator, Iterator

import pytest
from nats.aio.client import Client

from skyferry.bus import connection
from skyferry.bus.names import Names
from skyferry.bus.stream import ReaderBrokenError, ReportStream, StreamLimits
from tests.support.nats import NatsServer

QUICK = StreamLimits(answer_s=5, store_s=0.5, pause_s=0.05, messages=4)


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as started:
        yield started


@pytest.fixture
async def client(nats: NatsServer) -> AsyncIterator[Client]:
    connected = await connection.connect(nats.url, name="test", timeout_s=10)
    yield connected
    await connected.close()


@pytest.fixture
async def stream(client: Client, request: pytest.FixtureRequest) -> ReportStream:
    made = ReportStream(client, Names(request.node.name.replace("_", "")[:32]), QUICK)
    await made.ensure()
    return made


async def fill(stream: ReportStream, part: int, count: int) -> list[int]:
    return [await stream.publish(part, str(number).encode(), f"{part}-{number}") for number in range(count)]


async def test_a_part_is_read_in_order_and_in_portions(stream: ReportStream) -> None:
    stored = await fill(stream, 3, 10)
    await fill(stream, 4, 2)
    reader = await stream.reader(3, 0)
    portions = [await reader.next() for _ in range(3)]
    assert [len(portion) for portion in portions] == [4, 4, 2]
    assert [parcel.sequence for portion in portions for parcel in portion] == stored
    assert [parcel.body for portion in portions for parcel in portion] == [str(number).encode() for number in range(10)]
    await reader.close()


async def test_a_reader_begins_behind_the_position(stream: ReportStream) -> None:
    stored = await fill(stream, 0, 5)
    reader = await stream.reader(0, stored[2])
    assert [parcel.body for parcel in await reader.next()] == [b"3", b"4"]
    await reader.close()


async def test_what_is_published_again_is_stored_once(stream: ReportStream) -> None:
    first = await stream.publish(1, b"said", "name")
    assert await stream.publish(1, b"said", "name") == first
    reader = await stream.reader(1, 0)
    assert [parcel.body for parcel in await reader.next()] == [b"said"]
    await reader.close()


async def test_a_reader_waits_for_what_comes(stream: ReportStream) -> None:
    reader = await stream.reader(2, 0)
    await stream.publish(2, b"late", "late")
    assert [parcel.body for parcel in await reader.next()] == [b"late"]
    await stream.publish(2, b"later", "later")
    assert [parcel.body for parcel in await reader.next()] == [b"later"]
    await reader.close()


async def test_what_is_behind_the_position_can_be_purged(stream: ReportStream) -> None:
    stored = await fill(stream, 5, 4)
    await fill(stream, 6, 1)
    await stream.purge(5, stored[1])
    reader = await stream.reader(5, 0)
    assert [parcel.body for parcel in await reader.next()] == [b"2", b"3"]
    other = await stream.reader(6, 0)
    assert [parcel.body for parcel in await other.next()] == [b"0"]
    await reader.close()
    await other.close()


async def test_a_message_that_went_missing_ends_the_reader(stream: ReportStream) -> None:
    await fill(stream, 7, 2)
    reader = await stream.reader(7, 0)
    reader._seen = 5
    with pytest.raises(ReaderBrokenError):
        await reader.next()
    await reader.close()


async def test_an_existing_stream_is_left_as_it_is(stream: ReportStream) -> None:
    await fill(stream, 8, 1)
    await stream.ensure()
    reader = await stream.reader(8, 0)
    assert len(await reader.next()) == 1
    await reader.close()


async def test_without_nats_a_report_is_not_stored(stream: ReportStream, client: Client) -> None:
    await client.close()
    with pytest.raises(ConnectionError):
        await stream.publish(0, b"lost", "lost")
    with pytest.raises(ConnectionError):
        await stream.check()
