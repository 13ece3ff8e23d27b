"""Statements that tell what messages say of tasks, devices and jobs."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from skyferry.store import rows
from skyferry.store.tables import devices, jobs, packages, products, tasks


@dataclass(frozen=True, slots=True)
class TaskSubject:
    """A task by the names that applications know."""

    key: int
    instance_id: int
    job_id: str
    product_key: str
    device_name: str
    iot_id: str
    src_version: str
    dest_version: str


@dataclass(frozen=True, slots=True)
class DeviceSubject:
    """A device by the names that applications know, and the address that it was last online from."""

    key: int
    instance_id: int
    product_key: str
    device_name: str
    iot_id: str
    address: str | None


@dataclass(frozen=True, slots=True)
class JobSubject:
    """A job by the names that applications know, and its state."""

    key: int
    instance_id: int
    job_id: str
    firmware_id: str
    product_key: str
    module: str
    dest_version: str
    type: str
    status: str


def of_tasks(tx: Connection, keys: Collection[int]) -> dict[int, TaskSubject]:
    """The tasks of these keys."""
    found: dict[int, TaskSubject] = {}
    for chunk in rows.chunks(keys):
        statement = (
            select(
                tasks.c.id,
                jobs.c.instance_id,
                jobs.c.job_id,
                products.c.product_key,
                devices.c.name,
                devices.c.iot_id,
                tasks.c.src_version,
                packages.c.dest_version,
            )
            .join(jobs, tasks.c.job_id == jobs.c.id)
            .join(packages, tasks.c.package_id == packages.c.id)
            .join(devices, tasks.c.device_id == devices.c.id)
            .join(products, devices.c.product_id == products.c.id)
            .where(tasks.c.id.in_(chunk))
        )
        found.update((item.key, item) for item in rows.all_of(TaskSubject, tx.execute(statement)))
    return found


def of_devices(tx: Connection, keys: Collection[int]) -> dict[int, DeviceSubject]:
    """The devices of these keys."""
    found: dict[int, DeviceSubject] = {}
    for chunk in rows.chunks(keys):
        statement = (
            select(
                devices.c.id,
                products.c.instance_id,
                products.c.product_key,
                devices.c.name,
                devices.c.iot_id,
                devices.c.address,
            )
            .join(products, devices.c.product_id == products.c.id)
            .where(devices.c.id.in_(chunk))
        )
        found.update((item.key, item) for item in rows.all_of(DeviceSubject, tx.execute(statement)))
    return found


def of_jobs(tx: Connection, keys: Collection[int]) -> list[JobSubject]:
    """The jobs of these keys."""
    found: list[JobSubject] = []
    for chunk in rows.chunks(keys):
        statement = (
            select(
                jobs.c.id,
                jobs.c.instance_id,
                jobs.c.job_id,
                packages.c.firmware_id,
                products.c.product_key,
                packages.c.module,
                packages.c.dest_version,
                jobs.c.type,
                jobs.c.status,
            )
            .join(packages, jobs.c.package_id == packages.c.id)
            .join(products, jobs.c.product_id == products.c.id)
            .where(jobs.c.id.in_(chunk))
        )
        found += rows.all_of(JobSubject, tx.execute(statement))
    return found
