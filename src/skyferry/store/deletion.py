"""Statements that remove what belongs to deleted packages and products, a bounded number of rows at a time.

Deleted is what has a `deleted_at`; see the tables. What is chosen is locked, so that several workers share the work.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists, select, update

from skyferry.store.tables import (
    DeviceState,
    device_batches,
    devices,
    jobs,
    package_files,
    package_is_kept,
    packages,
    product_is_kept,
    products,
    task_is_open,
    tasks,
)

_goes_on = jobs.c.ended_at.is_(None) | exists().where(tasks.c.job_id == jobs.c.id, task_is_open).correlate(jobs)


def going_on_of_package(tx: Connection, package_id: int, limit: int) -> Sequence[str]:
    """Jobs of a package that have not ended or have open tasks, oldest first."""
    statement = select(jobs.c.job_id).where(jobs.c.package_id == package_id, _goes_on)
    return tx.execute(statement.order_by(jobs.c.id).limit(limit)).scalars().all()


def going_on_of_product(tx: Connection, product_id: int, limit: int) -> Sequence[str]:
    """Jobs of a product that have not ended or have open tasks, by package."""
    statement = (
        select(jobs.c.job_id)
        .join(packages, jobs.c.package_id == packages.c.id)
        .where(packages.c.product_id == product_id, package_is_kept, _goes_on)
    )
    return tx.execute(statement.order_by(packages.c.id, jobs.c.id).limit(limit)).scalars().all()


def release_files(tx: Connection, limit: int) -> Sequence[str]:
    """Parts some deleted packages from their files; returns the keys of the objects."""
    has_files = exists().where(package_files.c.package_id == packages.c.id).correlate(packages)
    chosen = select(packages.c.id).where(~package_is_kept, has_files).limit(limit).with_for_update(skip_locked=True)
    statement = delete(package_files).where(package_files.c.package_id.in_(chosen))
    return tx.execute(statement.returning(package_files.c.object_key)).scalars().all()


def next_package(tx: Connection) -> int | None:
    """The key of the oldest deleted package."""
    statement = select(packages.c.id).where(~package_is_kept).order_by(packages.c.id).limit(1)
    return tx.execute(statement.with_for_update(skip_locked=True)).scalar()


def next_job(tx: Connection, package_id: int) -> int | None:
    """The key of a package's oldest job."""
    statement = select(jobs.c.id).where(jobs.c.package_id == package_id).order_by(jobs.c.id).limit(1)
    return tx.execute(statement).scalar()


def remove_tasks(tx: Connection, job_id: int, limit: int) -> int:
    """Removes tasks of a job with their history, and tells how many."""
    chosen = select(tasks.c.id).where(tasks.c.job_id == job_id).limit(limit)
    return tx.execute(delete(tasks).where(tasks.c.id.in_(chosen))).rowcount


def remove_job(tx: Connection, job_id: int) -> str | None:
    """Removes a job without tasks; returns the key of its list file."""
    return tx.execute(delete(jobs).where(jobs.c.id == job_id).returning(jobs.c.list_key)).scalar()


def remove_package(tx: Connection, package_id: int) -> None:
    """Removes a deleted package that has no jobs."""
    tx.execute(delete(packages).where(packages.c.id == package_id, ~package_is_kept))


def forget_connected(tx: Connection, limit: int) -> Sequence[int]:
    """Marks devices of deleted products offline; returns their keys."""
    deleted = select(products.c.id).where(~product_is_kept)
    chosen = (
        select(devices.c.id)
        .where(devices.c.product_id.in_(deleted), devices.c.state == DeviceState.ONLINE)
        .limit(limit)
    )
    statement = update(devices).where(devices.c.id.in_(chosen)).values(connection_id=None)
    return tx.execute(statement.returning(devices.c.id)).scalars().all()


def next_product(tx: Connection) -> int | None:
    """The key of the oldest deleted product of which no package is left."""
    has_packages = exists().where(packages.c.product_id == products.c.id).correlate(products)
    statement = select(products.c.id).where(~product_is_kept, ~has_packages).order_by(products.c.id).limit(1)
    return tx.execute(statement.with_for_update(skip_locked=True)).scalar()


def remove_devices(tx: Connection, product_id: int, limit: int) -> Sequence[int]:
    """Removes devices of a product with their versions, tags and memberships; returns their keys."""
    chosen = select(devices.c.id).where(devices.c.product_id == product_id).limit(limit)
    return tx.execute(delete(devices).where(devices.c.id.in_(chosen)).returning(devices.c.id)).scalars().all()


def remove_registration(tx: Connection, product_id: int) -> bool:
    """Removes one of a product's registrations by the thousand; False when none is left."""
    chosen = select(device_batches.c.id).where(device_batches.c.product_id == product_id).limit(1)
    return tx.execute(delete(device_batches).where(device_batches.c.id.in_(chosen))).rowcount == 1


def remove_product(tx: Connection, product_id: int) -> None:
    """Removes a deleted product that has no devices, with its modules."""
    tx.execute(delete(products).where(products.c.id == product_id, ~product_is_kept))
