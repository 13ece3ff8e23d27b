"""The worker removes what was deleted, with its files and connections."""

from collections.abc import Collection, Sequence
from pathlib import Path

from sqlalchemy import Connection, func, select, update

from skyferry.bus.local import LocalBus
from skyferry.bus.messages import Cause, Command, DisconnectDevice
from skyferry.clock import SystemClock
from skyferry.cluster.claims import Alone, Claims
from skyferry.keys import SecretBox
from skyferry.objects.limits import ObjectLimits
from skyferry.objects.local import LocalObjectStore
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import deletion
from skyferry.ota.models import EngineLimits, NewFile
from skyferry.ota.offers import OfferMaker
from skyferry.ota.states import JobStatus, TaskStatus
from skyferry.ram.audit import AuditRecord
from skyferry.scheduler.chores import Chore, Chores, shared
from skyferry.scheduler.lookout import Lookout
from skyferry.scheduler.recovery import recover
from skyferry.store import audit, disconnections, jobs
from skyferry.store import objects as object_statements
from skyferry.store.audit import AuditFilter
from skyferry.store.engine import Store
from skyferry.store.tables import devices, products, tasks
from skyferry.trust.signatures import DigestSigner
from skyferry.trust.tuf.limits import TufLimits
from skyferry.trust.tuf.repository import Repositories
from tests.support.rows import World


def make_product(tx: Connection) -> tuple[World, list[int], str]:
    """A product with a device and a package: the device's key and the name of the package's file."""
    world = World(tx)
    device = world.make_device("dev0")
    url = world.make_object()
    world.make_package(file=NewFile(url=url))
    [blob] = object_statements.blobs_of(tx, [url.partition("/objects/")[2]])
    return world, [device.id], blob


def rows(tx: Connection) -> list[int]:
    return [tx.execute(select(func.count()).select_from(table)).scalar_one() for table in (products, devices)]


def chores_of(store: Store, bus: LocalBus, objects: LocalObjectStore, claims: Claims | None = None) -> Chores:
    return Chores(
        store=store,
        bus=bus,
        clock=SystemClock(),
        box=SecretBox(bytes(32)),
        maker=OfferMaker(DownloadUrls("http://ota.test", bytes(32)), DigestSigner(SecretBox(bytes(32)))),
        limits=EngineLimits(),
        objects=objects,
        object_limits=ObjectLimits(),
        audit_ms=86_400_000,
        repositories=Repositories(store, SecretBox(bytes(32)), SystemClock(), TufLimits()),
        claims=claims or Alone(),
        lookout=Lookout(store, SystemClock()),
    )


class Told:
    """Holds what a test says, and notes what was asked for."""

    def __init__(self, *held: str) -> None:
        self.held = held
        self.asked: set[frozenset[str]] = set()

    async def hold(self, names: Collection[str]) -> frozenset[str]:
        self.asked.add(frozenset(names))
        return frozenset(names) & set(self.held)


async def test_a_chore_is_done_where_it_is_held_and_some_everywhere(store: Store, tmp_path: Path) -> None:
    done: list[str] = []

    def noting(name: str, chore: Chore) -> Chore:
        async def run() -> bool:
            done.append(name)
            return await chore()

        return run

    claims = Told("chore:select", "chore:stop")
    made = chores_of(store, LocalBus(), LocalObjectStore(tmp_path / "objects"), claims)
    plain = {name: noting(name, chore) for name, chore in made._by_name().items()}
    await store.write(World)

    for chore in shared(plain, claims).values():
        assert await chore() is False
    assert done == ["stop", "select"]
    for chore in made.all().values():
        assert await chore() is False
    assert claims.asked == {
        frozenset(f"chore:{name}" for name in plain),
        frozenset(f"chore:{name}" for name in plain if name not in {"dispatch", "steer"}),
    }


async def test_a_deleted_product_goes_with_its_files_and_connections(store: Store, tmp_path: Path) -> None:
    objects = LocalObjectStore(tmp_path / "objects")
    sent: list[Command] = []
    bus = LocalBus()

    async def note(commands: Sequence[Command]) -> None:
        sent.extend(commands)

    bus.attach_gateway(note)
    chores = chores_of(store, bus, objects)
    world, keys, blob = await store.write(make_product)
    await store.write(deletion.delete_product, world.instance.id, world.product.product_key, now=world.now)
    writer = await objects.create()
    await writer.commit(blob)

    while await chores.remove_deleted():
        pass

    assert sent == [DisconnectDevice(key, Cause.DELETED) for key in keys]
    assert [item async for item in objects.blobs()] == []
    assert await store.read(rows) == [0, 0]


async def test_a_job_that_nobody_has_ended_ends(store: Store, tmp_path: Path) -> None:
    """As after its last tasks have ended in two transactions that did not see each other."""

    def make(tx: Connection) -> int:
        world = World(tx)
        world.make_device("dev0")
        job = world.make_job(world.make_package())
        tx.execute(update(tasks).values(status=TaskStatus.SUCCEEDED))
        return job.id

    key = await store.write(make)
    await chores_of(store, LocalBus(), LocalObjectStore(tmp_path / "objects")).end_left_over()
    job = await store.read(jobs.by_id, key)
    assert job is not None
    assert (job.status, job.ended_at is None) == (JobStatus.COMPLETED, False)


async def test_records_are_kept_as_long_as_they_should_be(store: Store, tmp_path: Path) -> None:
    clock, day = SystemClock(), 86_400_000
    made = chores_of(store, LocalBus(), LocalObjectStore(tmp_path / "objects"))

    def fill(tx: Connection) -> None:
        account_id = World(tx).instance.account_id
        for name, age in {"old": day + 60_000, "young": day - 60_000}.items():
            at = clock.now_ms() - age
            record = AuditRecord(account_id, None, at, "root", "key", "::1", "CreateProduct", {}, name, "OK")
            audit.insert_records(tx, [record])

    await store.write(fill)

    assert await made.forget_audit() is False

    assert [line.request_id for line in await store.read(audit.latest, AuditFilter(), 10)] == ["young"]


def ask_for_two(tx: Connection) -> list[int]:
    world = World(tx)
    keys = [world.make_device(f"dev{number}").id for number in range(3)][:2]
    for key in (*keys, keys[0]):
        disconnections.ask(tx, key)
    return keys


async def test_what_another_process_asked_for_is_disconnected_once(store: Store, tmp_path: Path) -> None:
    keys = await store.write(ask_for_two)
    told: list[Command] = []

    async def on_commands(commands: Sequence[Command]) -> None:
        told.extend(commands)

    bus = LocalBus()
    bus.attach_gateway(on_commands)
    chores = chores_of(store, bus, LocalObjectStore(tmp_path / "objects"))
    assert not await chores.disconnect()
    assert told == [DisconnectDevice(key) for key in keys]
    await chores.disconnect()
    assert len(told) == 2


async def test_a_start_forgets_what_was_asked_for(store: Store, tmp_path: Path) -> None:
    await store.write(ask_for_two)
    await store.write(recover, 0)
    await chores_of(store, LocalBus(), LocalObjectStore(tmp_path / "objects")).disconnect()
