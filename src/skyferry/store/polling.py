"""Statements for devices that ask over HTTP: who they are, what waits for them, and what a task brings.

What every poll runs is put together once: building a statement costs more than running it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, func, or_, select, update

from skyferry.store import rows
from skyferry.store.jobs import job_may_push
from skyferry.store.tables import (
    devices,
    jobs,
    objects,
    package_files,
    packages,
    product_is_kept,
    products,
    task_history,
    task_is_open,
    tasks,
)


@dataclass(frozen=True, slots=True)
class PolledProduct:
    """What a product says of the devices that ask."""

    id: int
    device_protocol: str
    dynamic_registration: int
    gateway_token_sealed: bytes | None


@dataclass(frozen=True, slots=True)
class PolledDevice:
    """A device that asks."""

    id: int
    name: str
    secret_sealed: bytes
    disabled: bool


@dataclass(frozen=True, slots=True)
class PolledTask:
    """A task that a device may have to be told of: an open one, or one that was cancelled after it was told of it."""

    id: int
    status: int
    progress: int
    retry_at: int | None
    job_may_push: bool
    next_push_at: int
    push_budget: int | None


_PRODUCT: Final = rows.columns(PolledProduct, products)
_DEVICE: Final = rows.columns(PolledDevice, devices)
_TASK: Final = [
    tasks.c.id,
    tasks.c.status,
    tasks.c.progress,
    tasks.c.retry_at,
    job_may_push,
    jobs.c.next_push_at,
    jobs.c.push_budget,
]


@dataclass(frozen=True, slots=True)
class Polled:
    """One product with one of its devices and one of that device's tasks; what there is not is None."""

    product: PolledProduct
    device: PolledDevice | None
    task: PolledTask | None


_COUNTS: Final = or_(task_is_open, and_(tasks.c.status == bindparam("cancelled"), tasks.c.notified_at.is_not(None)))
_LOOK_UP: Final = (
    select(*_PRODUCT, *_DEVICE, *_TASK)
    .select_from(products)
    .outerjoin(
        devices,
        and_(devices.c.product_id == products.c.id, devices.c.name.in_(bindparam("names", expanding=True))),
    )
    .outerjoin(tasks, and_(tasks.c.device_id == devices.c.id, _COUNTS))
    .outerjoin(jobs, tasks.c.job_id == jobs.c.id)
    .where(products.c.product_key == bindparam("product_key"), product_is_kept)
    .order_by(tasks.c.id)
)


def look_up(tx: Connection, product_key: str, names: Collection[str], *, cancelled: int) -> list[Polled]:
    """The named devices of a product with their tasks, in the order of the tasks.

    Args:
        tx: the transaction.
        product_key: the product.
        names: of devices; unknown ones are absent, and a product without any of them stands alone.
        cancelled: the state of cancelled tasks; they count while `notified_at` says that the device was told of them.
    """
    found: list[Polled] = []
    for chunk in rows.chunks(names):
        values = {"product_key": product_key, "names": chunk, "cancelled": cancelled}
        found += [_polled(row) for row in tx.execute(_LOOK_UP, values)]
    return found


def _polled(row: Sequence[Any]) -> Polled:
    product, rest = row[: len(_PRODUCT)], row[len(_PRODUCT) :]
    device, task = rest[: len(_DEVICE)], rest[len(_DEVICE) :]
    return Polled(
        PolledProduct(*product),
        None if device[0] is None else PolledDevice(*device),
        None if task[0] is None else PolledTask(*task),
    )


@dataclass(frozen=True, slots=True)
class TaskOfDevice:
    """A task of a device with what its package is called.

    Attributes:
        notified_at: when the device was told of it; None when it was not, or is done with a cancelled one.
        newest: the device has no later task for the module.
    """

    id: int
    package_id: int
    module: str
    status: int
    progress: int
    notified_at: int | None
    name: str
    dest_version: str
    newest: bool


_OTHERS: Final = tasks.alias()
_NEWEST: Final = select(func.max(_OTHERS.c.id)).where(
    _OTHERS.c.device_id == bindparam("device_id"), _OTHERS.c.module == tasks.c.module
)
_TASK_OF_DEVICE: Final = (
    select(
        *[tasks.c[name] for name in TaskOfDevice.__dataclass_fields__ if name in tasks.c],
        packages.c.name,
        packages.c.dest_version,
        tasks.c.id == _NEWEST.scalar_subquery(),
    )
    .join(packages, tasks.c.package_id == packages.c.id)
    .where(tasks.c.id == bindparam("task_id"), tasks.c.device_id == bindparam("device_id"))
)


def task_of_device(tx: Connection, device_id: int, task_id: int) -> TaskOfDevice | None:
    """A task, if it is one of the device's."""
    return rows.one_of(TaskOfDevice, tx.execute(_TASK_OF_DEVICE, {"task_id": task_id, "device_id": device_id}))


_TASK_OF_PACKAGE: Final = (
    select(tasks.c.id)
    .where(tasks.c.id.in_(bindparam("task_ids", expanding=True)), tasks.c.package_id == bindparam("package_id"))
    .order_by(tasks.c.id)
    .limit(1)
)


def task_of_package(tx: Connection, task_ids: Collection[int], package_id: int) -> int | None:
    """The first of these tasks that brings a package."""
    return tx.execute(_TASK_OF_PACKAGE, {"task_ids": list(task_ids), "package_id": package_id}).scalar()


def history_of(tx: Connection, task_id: int, limit: int) -> list[str]:
    """What was said of a task, newest first."""
    statement = (
        select(task_history.c.description)
        .where(task_history.c.task_id == task_id, task_history.c.description != "")
        .order_by(task_history.c.id.desc())
        .limit(limit)
    )
    return list(tx.execute(statement).scalars())


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of a package with all its digests."""

    key: str
    name: str | None
    size: int
    md5: str
    sha256: str
    sha1: str | None

    @property
    def blob(self) -> str:
        """The name of its bytes in the object store, as `StoredObject.blob`."""
        return f"{self.key}.{self.sha256}"


_ARTIFACTS: Final = (
    select(
        objects.c.key,
        package_files.c.name,
        objects.c.size,
        objects.c.md5,
        objects.c.sha256,
        objects.c.sha1,
    )
    .join(package_files, package_files.c.object_key == objects.c.key)
    .where(package_files.c.package_id == bindparam("package_id"))
    .order_by(package_files.c.position)
)


def artifacts_of(tx: Connection, package_id: int) -> list[Artifact]:
    """The files of a package in their order."""
    return rows.all_of(Artifact, tx.execute(_ARTIFACTS, {"package_id": package_id}))


def note_sha1(tx: Connection, key: str, sha256: str, sha1: str) -> bool:
    """Keeps the SHA-1 of an object; False when the object is another one by now."""
    statement = update(objects).where(objects.c.key == key, objects.c.sha256 == sha256)
    return tx.execute(statement.values(sha1=sha1)).rowcount == 1
