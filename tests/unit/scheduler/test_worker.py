"""The worker: reports by group commit, and chores until nothing is left of them."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from skyferry.bus.local import LocalBus
from skyferry.bus.messages import Command, VersionReported
from skyferry.clock import SystemClock
from skyferry.keys import SecretBox
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import reports
from skyferry.ota.models import EngineLimits
from skyferry.ota.offers import OfferMaker
from skyferry.scheduler.chores import every
from skyferry.scheduler.lookout import Lookout
from skyferry.scheduler.reports import ReportWorker, ReportWriter
from skyferry.scheduler.runner import Runner
from skyferry.store.engine import Store
from skyferry.store.tables import module_versions
from skyferry.trust.signatures import DigestSigner
from tests.support.clock import ManualClock
from tests.support.rows import START, World


def make_devices(tx: Connection, count: int) -> list[int]:
    world = World(tx)
    return [world.make_device(f"dev{number}", version=None).id for number in range(count)]


def versions(tx: Connection) -> dict[int, str]:
    return dict(tx.execute(select(module_versions.c.device_id, module_versions.c.version)).all())


def worker(store: Store) -> ReportWorker:
    bus = LocalBus()

    async def ignore(_commands: Sequence[Command]) -> None:
        return None

    maker = OfferMaker(DownloadUrls("http://ota.test", bytes(32)), DigestSigner(SecretBox(bytes(32))))
    made = ReportWorker(ReportWriter(store, bus, SystemClock(), maker, EngineLimits()))
    bus.attach_worker(made.submit, lambda: None)
    bus.attach_gateway(ignore)
    return made


async def test_a_report_is_stored_when_its_future_ends(store: Store) -> None:
    [device] = await store.write(make_devices, 1)
    await worker(store).submit(VersionReported(device, "default", "1.0.0", START))
    assert await store.read(versions) == {device: "1.0.0"}


async def test_many_reports_are_few_transactions(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = await store.write(make_devices, 100)
    batches: list[int] = []
    original = reports.apply

    def counting(tx: Connection, batch: Sequence[VersionReported], **given: object) -> object:
        batches.append(len(batch))
        return original(tx, batch, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "apply", counting)
    made = worker(store)
    await asyncio.gather(*(made.submit(VersionReported(device, "default", "1.0.0", START)) for device in devices))
    assert sum(batches) == 100
    assert len(batches) <= 3


async def test_one_report_that_cannot_be_stored_fails_and_does_not_take_the_others_with_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = await store.write(make_devices, 3)
    original = reports.apply

    def poisoned(tx: Connection, batch: Sequence[VersionReported], **given: object) -> object:
        if any(report.version == "poison" for report in batch):
            raise ValueError("poison")
        return original(tx, batch, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(reports, "apply", poisoned)
    made = worker(store)
    said = zip(devices, ["1.0.0", "poison", "2.0.0"], strict=True)
    stored = await asyncio.gather(
        *(made.submit(VersionReported(device, "default", version, START)) for device, version in said),
        return_exceptions=True,
    )
    assert [type(each) for each in stored] == [type(None), ValueError, type(None)]
    assert await store.read(versions) == {devices[0]: "1.0.0", devices[2]: "2.0.0"}


async def test_no_report_counts_as_stored_while_the_store_fails(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = await store.write(make_devices, 3)
    tried: list[int] = []

    def full(_tx: Connection, batch: Sequence[VersionReported], **_given: object) -> object:
        tried.append(len(batch))
        raise OperationalError("statement", {}, Exception("database or disk is full"))

    made = worker(store)
    with monkeypatch.context() as broken:
        broken.setattr(reports, "apply", full)
        waiting = [made.submit(VersionReported(device, "default", "1.0.0", START)) for device in devices]
        stored = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in stored] == [OperationalError] * 3
    assert tried == [3]
    await asyncio.gather(*(made.submit(VersionReported(device, "default", "1.0.0", START)) for device in devices))
    assert len(await store.read(versions)) == 3


async def test_a_woken_runner_does_its_chores_until_nothing_is_left(store: Store) -> None:
    left = 3
    done = asyncio.Event()

    async def chore() -> bool:
        nonlocal left
        left = max(left - 1, 0)
        if left == 0:
            done.set()
        return left > 0

    runner = Runner(Lookout(store, SystemClock()), SystemClock(), {"chore": chore})
    runner.start()
    await asyncio.wait_for(done.wait(), 10)
    await runner.check()
    left = 2
    done.clear()
    runner.wake()
    await asyncio.wait_for(done.wait(), 10)
    await runner.stop()
    with pytest.raises(ConnectionError):
        await runner.check()


async def test_a_chore_that_fails_does_not_end_the_runner(store: Store) -> None:
    other = asyncio.Event()

    async def failing() -> bool:
        raise OSError("disk")

    async def working() -> bool:
        other.set()
        return False

    runner = Runner(Lookout(store, SystemClock()), SystemClock(), {"failing": failing, "working": working})
    runner.start()
    await asyncio.wait_for(other.wait(), 10)
    await runner.check()
    await runner.stop()


async def test_a_periodic_chore_rests_when_nothing_is_left() -> None:
    clock = ManualClock()
    answers = [True, False, False]
    calls = 0

    async def chore() -> bool:
        nonlocal calls
        calls += 1
        return answers[calls - 1]

    periodic = every(60, clock, chore)
    assert [await periodic(), await periodic(), await periodic()] == [True, False, False]
    assert calls == 2
    clock.now += 60_000
    await periodic()
    assert calls == 3
