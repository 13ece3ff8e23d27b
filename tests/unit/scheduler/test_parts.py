"""Reports from the stream: each applied once and in order, whatever happens to the workers."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from skyferry.bus.messages import Report, VersionReported
from skyferry.bus.names import PARTS, Names, part_of
from skyferry.bus.nats import NatsBus, NatsSettings
from skyferry.clock import SystemClock
from skyferry.cluster.claims import Alone
from skyferry.keys import SecretBox
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import reports
from skyferry.ota.models import EngineLimits
from skyferry.ota.offers import OfferMaker
from skyferry.scheduler.parts import PartsWorker
from skyferry.scheduler.reports import ReportWriter
from skyferry.store import positions
from skyferry.store.engine import Store
from skyferry.store.tables import module_versions
from skyferry.trust.signatures import DigestSigner
from tests.support.nats import NatsServer
from tests.support.rows import START, World


async def nowhere(_: Collection[int]) -> Mapping[int, str]:
    return {}


class Scene:
    """A stream, a store, and as many workers as a test wants; all of them believe that every part is theirs."""

    def __init__(self, store: Store, bus: NatsBus) -> None:
        self.store = store
        self.bus = bus
        maker = OfferMaker(DownloadUrls("http://ota.test", bytes(32)), DigestSigner(SecretBox(bytes(32))))
        self._writer = ReportWriter(store, bus, SystemClock(), maker, EngineLimits())

    def worker(self) -> PartsWorker:
        return PartsWorker(self.store, self.bus, Alone(), self._writer)

    async def devices(self, count: int) -> list[int]:
        return await self.store.write(make_devices, count)

    async def say(self, devices: Sequence[int], version: str) -> None:
        """The devices report a version, and that is in the stream."""
        await asyncio.gather(
            *(self.bus.report(VersionReported(device, "default", version, START)) for device in devices)
        )

    async def wait_for(self, devices: Sequence[int], version: str) -> None:
        """Returns when the store knows that they run it."""
        async with asyncio.timeout(60):
            while dict.fromkeys(devices, version) != await self.store.read(versions, devices):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


def make_devices(tx: Connection, count: int) -> list[int]:
    world = World(tx)
    return [world.make_device(f"dev{number}", version=None).id for number in range(count)]


def versions(tx: Connection, devices: Sequence[int]) -> dict[int, str]:
    of_them = module_versions.c.device_id.in_(devices)
    return dict(tx.execute(select(module_versions.c.device_id, module_versions.c.version).where(of_them)).all())


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as started:
        yield started


@pytest.fixture
async def scene(store: Store, nats: NatsServer, request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    names = Names(request.node.name.replace("_", "")[:32])
    bus = NatsBus(NatsSettings(url=nats.url, names=names, process="one"), nowhere, SystemClock())
    await bus.start()
    yield Scene(store, bus)
    await bus.stop()


async def test_reports_are_applied_and_the_positions_say_how_far(scene: Scene) -> None:
    devices = await scene.devices(2 * PARTS)
    worker = scene.worker()
    await worker.start()
    await scene.say(devices, "1.0.0")
    await scene.wait_for(devices, "1.0.0")
    await worker.stop()
    assert all([await scene.store.read(positions.of_part, part) for part in range(PARTS)])


async def test_another_worker_goes_on_where_one_has_stopped(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    applied: list[Report] = []
    original = reports.apply

    def noting(tx: Connection, batch: Sequence[Report], **more: object) -> object:
        applied.extend(batch)
        return original(tx, batch, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "apply", noting)
    devices = await scene.devices(4)
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        worker = scene.worker()
        await worker.start()
        await scene.say(devices, version)
        await scene.wait_for(devices, version)
        await worker.stop()
    assert [report.version for report in applied if isinstance(report, VersionReported)] == [
        *["1.0.0"] * 4,
        *["2.0.0"] * 4,
        *["3.0.0"] * 4,
    ]


async def test_a_stream_that_was_lost_and_made_anew_is_read_from_its_beginning(scene: Scene) -> None:
    devices = await scene.devices(PARTS)
    worker = scene.worker()
    await worker.start()
    await scene.say(devices, "1.0.0")
    await scene.say(devices, "2.0.0")
    await scene.wait_for(devices, "2.0.0")
    await worker.stop()

    stream = scene.bus.stream
    await stream._jetstream.delete_stream(stream._names.stream)
    await stream.ensure()
    await scene.say(devices, "3.0.0")
    worker = scene.worker()
    await worker.start()
    await scene.wait_for(devices, "3.0.0")
    await worker.stop()


async def test_two_workers_on_a_part_apply_each_report_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []
    original = ReportWriter._apply

    def noting(self: ReportWriter, tx: Connection, batch: Sequence[Report], before: object) -> object:
        result = original(self, tx, batch, before)  # type: ignore[arg-type]
        counted.append(len(batch))
        return result

    monkeypatch.setattr(ReportWriter, "_apply", noting)
    devices = await scene.devices(PARTS)
    workers = [scene.worker(), scene.worker()]
    for worker in workers:
        await worker.start()
    for number in range(10):
        await scene.say(devices, f"{number}.0.0")
    await scene.wait_for(devices, "9.0.0")
    for worker in workers:
        await worker.stop()
    assert sum(counted) == 10 * PARTS


async def test_a_report_that_cannot_be_stored_is_lost_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = await scene.devices(PARTS + 1)
    poisonous, harmless = devices[0], next(each for each in devices[1:] if part_of(each) == part_of(devices[0]))
    original = reports.apply

    def failing(tx: Connection, batch: Sequence[Report], **more: object) -> object:
        if any(report.device_id == poisonous for report in batch):
            raise ValueError("It cannot be stored.")
        return original(tx, batch, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "apply", failing)
    await scene.say([poisonous, harmless], "1.0.0")
    worker = scene.worker()
    await worker.start()
    await scene.wait_for([harmless], "1.0.0")
    await worker.stop()
    assert await scene.store.read(versions, [poisonous]) == {}


async def test_while_the_database_is_away_reports_wait(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    [device] = await scene.devices(1)
    original = reports.apply
    failures = 2

    def failing(tx: Connection, batch: Sequence[Report], **more: object) -> object:
        nonlocal failures
        if failures:
            failures -= 1
            raise OperationalError("statement", {}, Exception("away"))
        return original(tx, batch, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "apply", failing)
    worker = scene.worker()
    await worker.start()
    await scene.say([device], "1.0.0")
    await scene.wait_for([device], "1.0.0")
    await worker.stop()
    assert failures == 0
