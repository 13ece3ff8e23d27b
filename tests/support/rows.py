"""A small world in a database, for tests of the engine that need no server: each call makes what it says."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update

from skyferry import identifiers
from skyferry.bus.messages import (
    Connected,
    DisconnectDevice,
    Disconnected,
    Notice,
    NoticeUndelivered,
    PackageRequested,
    ProgressReported,
    PullForm,
    Report,
    VersionReported,
)
from skyferry.fleet import accounts, devices, names, principals, products
from skyferry.fleet.products import NewProduct
from skyferry.keys import SecretBox
from skyferry.objects.urls import DownloadUrls
from skyferry.ota import cancel, confirm, dispatch, jobs, modules, packages, reports, rerun, selection, stopping
from skyferry.ota.cancel import CancelScope
from skyferry.ota.models import EngineLimits, JobOptions, NewDynamicJob, NewFile, NewPackage, NewStaticJob
from skyferry.ota.offers import OfferMaker
from skyferry.ota.states import TaskStatus
from skyferry.store import jobs as job_statements
from skyferry.store import objects as object_statements
from skyferry.store import tasks as task_statements
from skyferry.store.devices import DeviceRecord
from skyferry.store.jobs import JobRecord
from skyferry.store.objects import StoredObject
from skyferry.store.products import ProductRecord
from skyferry.store.tables import jobs as job_table
from skyferry.store.tables import tasks
from skyferry.store.tasks import ChangedTask, TaskRecord
from skyferry.trust.signatures import DigestSigner
from tests.support.counting import assert_counted
from tests.support.databases import scratch

START = 1_795_000_000_000


@dataclass
class World:
    """One account with one product; time stands still unless a test moves `now`."""

    tx: Connection
    now: int = START
    limits: EngineLimits = field(default_factory=lambda: EngineLimits(push_jitter_ms=0))
    box: SecretBox = field(default_factory=lambda: SecretBox(bytes(32)))
    made: int = 0
    disconnected: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.maker = OfferMaker(DownloadUrls("http://ota.test", bytes(32)), DigestSigner(self.box))
        accounts.ensure_root(self.tx, self.box, key_id="testid", secret="testsecret", now_ms=self.now)
        principal = principals.find_principal(self.tx, "testid", self.box)
        assert principal is not None
        self.instance = principal.default_instance
        self.product = self.make_product("product_1")

    def make_product(self, name: str) -> ProductRecord:
        """A product."""
        return products.create(
            self.tx,
            NewProduct(name=name, node_type=0),
            instance_id=self.instance.id,
            account_id=self.instance.account_id,
            box=self.box,
            now=self.now,
        )

    def make_device(self, name: str, *, version: str | None = "1.0.0", module: str = "default") -> DeviceRecord:
        """A device that has reported a version, unless that is None."""
        device, _ = devices.register(self.tx, self.product, name, None, box=self.box, now=self.now)
        if version is not None:
            self.report(VersionReported(device.id, module, version, self.now))
        return device

    def make_module(self, name: str) -> None:
        """A module of the product, unless it has it."""
        if name not in [module.name for module in modules.of_product(self.tx, self.product)]:
            modules.create(self.tx, self.product, name, alias=None, description=None, now=self.now)

    def make_object(self, *, size: int = 1_000, suffix: str = "bin") -> str:
        """The URL of an uploaded file."""
        self.made += 1
        key = f"ota/{'a' * 32}/{self.made:025d}.{suffix}"
        stored = StoredObject(key, self.instance.id, size, f"{self.made:032x}", f"{self.made:064x}", "1", self.now)
        object_statements.put_object(self.tx, stored)
        return f"http://ota.test/objects/{key}"

    def make_package(self, version: str = "2.0.0", **values: object) -> str:
        """The FirmwareId of a package that needs no verification unless told otherwise.

        Its module is made when the product lacks it.
        """
        given: dict[str, object] = {
            "name": f"package-{version.replace('.', '-')}",
            "dest_version": version,
            "product_key": self.product.product_key,
            "need_to_verify": False,
        }
        if not {"file", "files"} & set(values):
            given["file"] = NewFile(url=self.make_object())
        new = NewPackage(**{**given, **values})  # type: ignore[arg-type]
        if new.module and names.is_version(new.module):
            self.make_module(new.module)
        return packages.create(self.tx, new, instance_id=self.instance.id, limits=self.limits, now=self.now)

    def make_job(
        self,
        firmware_id: str,
        names: Sequence[str] = (),
        *,
        src_versions: Sequence[str] = (),
        **options: object,
    ) -> JobRecord:
        """A static job for named devices, or for all when none is named."""
        new = NewStaticJob(
            firmware_id=firmware_id,
            product_key=self.product.product_key,
            target_selection="SPECIFIC" if names else "ALL",
            src_versions=src_versions,
            device_names=names,
            options=JobOptions(**options),  # type: ignore[arg-type]
        )
        return jobs.create_static(self.tx, new, instance_id=self.instance.id, limits=self.limits, now=self.now)

    def make_static(self, firmware_id: str, **values: object) -> JobRecord:
        """A static job as it is told."""
        given: dict[str, object] = {"target_selection": "ALL", **values}
        new = NewStaticJob(firmware_id=firmware_id, product_key=self.product.product_key, **given)  # type: ignore[arg-type]
        return jobs.create_static(self.tx, new, instance_id=self.instance.id, limits=self.limits, now=self.now)

    def options(self, **told: object) -> JobOptions:
        """What a job is told."""
        return JobOptions(**told)  # type: ignore[arg-type]

    def make_dynamic(self, firmware_id: str, src_versions: Sequence[str] = ("1.0.0",), **values: object) -> JobRecord:
        """A dynamic job for source versions, or as it is told."""
        given: dict[str, object] = {"src_versions": src_versions, **values}
        options = {name: given.pop(name) for name in list(given) if name in JobOptions.__dataclass_fields__}
        new = NewDynamicJob(
            firmware_id=firmware_id,
            product_key=self.product.product_key,
            options=JobOptions(**options),  # type: ignore[arg-type]
            **given,  # type: ignore[arg-type]
        )
        return jobs.create_dynamic(self.tx, new, instance_id=self.instance.id, limits=self.limits, now=self.now)

    def job(self, job: JobRecord) -> JobRecord:
        """The job as it is by now."""
        found = job_statements.by_id(self.tx, job.id)
        assert found is not None
        return found

    def in_portions_of(self, devices: int) -> None:
        """From now on a transaction takes so many devices, or tasks."""
        self.limits = dataclasses.replace(self.limits, chunk_devices=devices, chunk_tasks=devices)

    def make_verify_job(self, firmware_id: str, names: Sequence[str]) -> JobRecord:
        """A verify job."""
        return jobs.create_verify(
            self.tx,
            instance_id=self.instance.id,
            firmware_id=firmware_id,
            product_key=self.product.product_key,
            device_names=names,
            told=JobOptions(),
            limits=self.limits,
            now=self.now,
        )

    def report(self, *items: Report) -> list[Notice]:
        """Applies reports in one batch and returns the answers; other commands are in `disconnected`."""
        commands, _ = reports.apply(self.tx, items, limits=self.limits, maker=self.maker, now=self.now)
        self.disconnected += [command.device_id for command in commands if isinstance(command, DisconnectDevice)]
        return [command for command in commands if isinstance(command, Notice)]

    def connect(self, device: DeviceRecord, connection: str = "c1") -> None:
        """The device logs in."""
        self.report(Connected(device.id, connection, "127.0.0.1", self.now))

    def disconnect(self, device: DeviceRecord, connection: str = "c1") -> None:
        """A connection of the device ends."""
        self.report(Disconnected(device.id, connection, self.now))

    def lose_push(self, device: DeviceRecord, task_id: int) -> None:
        """A push could not be handed to the device."""
        self.report(NoticeUndelivered(device.id, task_id, self.now))

    def pull(self, device: DeviceRecord, module: str | None = None) -> Mapping[str, Any]:
        """The device asks for a package, and is offered this."""
        [answer] = self.report(PackageRequested(device.id, PullForm.GET, "1", module, None, self.now))
        offered: dict[str, Any] = json.loads(answer.payload)["data"]
        return offered

    def say_version(self, device: DeviceRecord, version: str, module: str = "default") -> None:
        """The device reports a version."""
        self.report(VersionReported(device.id, module, version, self.now))

    def say_progress(self, device: DeviceRecord, step: int, module: str | None = None, text: str = "") -> None:
        """The device reports progress."""
        self.report(ProgressReported(device.id, module, step, text, self.now))

    def select_portion(self) -> bool:
        """The worker's next portion of a job's devices."""
        job = job_statements.next_selecting(self.tx)
        if job is not None:
            selection.select_portion(self.tx, job, self.limits, self.now)
        return job is not None

    def stop_portion(self) -> bool:
        """The worker's next portion of a job that is being cancelled, or whose time is over."""
        return bool(stopping.stop_next(self.tx, self.limits, self.now))

    def dispatch(self) -> list[Notice]:
        """Sends what is due."""
        return dispatch.claim_due(self.tx, self.maker, self.now, 1_000)

    def cancel(self, firmware_id: str, names: Sequence[str], **more: object) -> Sequence[ChangedTask]:
        """CancelOTATaskByDevice."""
        given: dict[str, object] = {"job_id": None, "scope": CancelScope.PENDING, "now": self.now}
        return cancel.cancel_by_device(
            self.tx,
            instance_id=self.instance.id,
            product_key=self.product.product_key,
            firmware_id=firmware_id,
            device_names=names,
            **{**given, **more},  # type: ignore[arg-type]
        )

    def tasks(self, job: JobRecord) -> Sequence[TaskRecord]:
        """The tasks of a job, as they are made."""
        return task_statements.page_of_job(self.tx, job.id, offset=0, limit=1_000)

    def task_ids(self, job: JobRecord) -> list[str]:
        """The TaskIds of a job, as its tasks are made."""
        return [identifiers.task_id(job.job_id, task.id) for task in self.tasks(job)]

    def dues(self, job: JobRecord) -> list[int | None]:
        """When the pushes of a job's tasks are due."""
        statement = select(tasks.c.dispatch_at).where(tasks.c.job_id == job.id).order_by(tasks.c.id)
        return list(self.tx.execute(statement).scalars())

    def deadlines(self, job: JobRecord) -> list[int | None]:
        """When the tasks of a job time out."""
        statement = select(tasks.c.deadline_at).where(tasks.c.job_id == job.id).order_by(tasks.c.id)
        return list(self.tx.execute(statement).scalars())

    def confirm(self, *task_ids: str) -> None:
        """ConfirmOTATask."""
        confirm.confirm(self.tx, instance_id=self.instance.id, task_ids=task_ids, now=self.now)

    def rerun(self, job: JobRecord, *task_ids: str) -> Sequence[ChangedTask]:
        """ReupgradeOTATask, of all tasks of the job when none is named."""
        named = task_ids or self.task_ids(job)
        return rerun.rerun(self.tx, instance_id=self.instance.id, job_id=job.job_id, task_ids=named, now=self.now)

    def set_job(self, job: JobRecord, **values: object) -> None:
        """Writes values of a job's row."""
        self.tx.execute(update(job_table).where(job_table.c.id == job.id).values(**values))

    def states(self, job: JobRecord) -> Mapping[int, TaskStatus]:
        """The state of each task of a job by the device's key; tasks of one device later in the table win."""
        statement = select(tasks.c.device_id, tasks.c.status).where(tasks.c.job_id == job.id).order_by(tasks.c.id)
        return {device: TaskStatus(status) for device, status in self.tx.execute(statement)}

    def state(self, job: JobRecord, device: DeviceRecord) -> TaskStatus:
        """The state of a device's task."""
        return self.states(job)[device.id]


@contextmanager
def world() -> Iterator[World]:
    """A world in a database of its own, in one transaction that is thrown away when what it counted is right."""
    with scratch() as tx:
        yield World(tx)
        assert_counted(tx)
