"""Deleting packages and products: at once for everyone who looks, portion by portion for the database.

What is deleted is marked, which gives its name and its version back; from then on no look-up finds it, nor its jobs or
devices. The worker removes the rows and says which files and connections have to go with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import products
from skyferry.ota import packages
from skyferry.store import archives
from skyferry.store import deletion as statements
from skyferry.store import objects as object_statements
from skyferry.store import packages as package_statements
from skyferry.store import products as product_statements
from skyferry.store.dialect import see_commits
from skyferry.store.objects import StoredObject

_MOST_NAMED: Final = 3


def delete_package(tx: Connection, instance_id: int, firmware_id: str, *, now: int) -> None:
    """Deletes a package and its jobs (control-plane reference §4.3; §12, 23).

    Raises:
        ApiError: no such package, or a job of it has not ended.
    """
    see_commits(tx)
    package = packages.find(tx, instance_id, firmware_id)
    package_statements.hold(tx, package.id)
    going_on = statements.going_on_of_package(tx, package.id, _MOST_NAMED + 1)
    if going_on:
        raise ApiError(codes.DELETE_FIRMWARE_FAILURE, _still_going_on("package", going_on))
    if not package_statements.delete(tx, package.id, now=now):
        raise ApiError(codes.FIRMWARE_NOT_FOUND)


def delete_product(tx: Connection, instance_id: int, product_key: str, *, now: int) -> None:
    """Deletes a product with its devices, modules and packages (control-plane reference §9.1; §12, 23).

    Raises:
        ApiError: no such product, or a job of it has not ended.
    """
    see_commits(tx)
    product = products.find(tx, instance_id, product_key)
    product_statements.hold(tx, product.id)
    going_on = statements.going_on_of_product(tx, product.id, _MOST_NAMED + 1)
    if going_on:
        raise ApiError(codes.DELETE_PRODUCT_FAILED, _still_going_on("product", going_on))
    if not product_statements.delete(tx, product.id, now=now):
        raise ApiError(codes.NOT_EXISTED_PRODUCT)
    package_statements.delete_of_product(tx, product.id, now=now)


def _still_going_on(what: str, job_ids: Sequence[str]) -> str:
    named = ", ".join(job_ids[:_MOST_NAMED])
    others = " and others" if len(job_ids) > _MOST_NAMED else ""
    return (
        f"Jobs of the {what} have not ended: {named}{others}. Wait for their end, or stop them with "
        "CancelOTATaskByJob, dynamic ones with CancelOTAStrategyByJob too."
    )


@dataclass(frozen=True, slots=True)
class DeletionLimits:
    """How many rows one transaction removes.

    Attributes:
        packages: packages that are parted from their files.
        tasks: tasks.
        devices: devices.
    """

    packages: int = 10
    tasks: int = 2_000
    devices: int = 500


@dataclass(frozen=True, slots=True)
class Portion:
    """What one transaction removed, as far as others have to follow.

    Attributes:
        more: False when nothing was left to remove.
        objects: files that nothing refers to any more: their rows are gone.
        device_ids: keys of devices that may not stay connected.
        archives: files with archived tasks of jobs that are gone.
    """

    more: bool = True
    objects: Sequence[StoredObject] = ()
    device_ids: Sequence[int] = ()
    archives: Sequence[str] = ()


def remove_portion(tx: Connection, limits: DeletionLimits) -> Portion:
    """Removes the next rows that belong to deleted packages and products: what others wait for comes first."""
    if keys := statements.release_files(tx, limits.packages):
        return Portion(objects=object_statements.delete_unused(tx, keys))
    if connected := statements.forget_connected(tx, limits.devices):
        return Portion(device_ids=connected)
    if (package_id := statements.next_package(tx)) is not None:
        return _remove_of_package(tx, package_id, limits)
    if (product_id := statements.next_product(tx)) is not None:
        return _remove_of_product(tx, product_id, limits)
    return Portion(more=False)


def _remove_of_package(tx: Connection, package_id: int, limits: DeletionLimits) -> Portion:
    job_id = statements.next_job(tx, package_id)
    if job_id is None:
        statements.remove_package(tx, package_id)
        return Portion()
    if statements.remove_tasks(tx, job_id, limits.tasks):
        return Portion()
    archived = [record.name for record in archives.of_job(tx, job_id)]
    list_key = statements.remove_job(tx, job_id)
    return Portion(objects=object_statements.delete_unused(tx, [list_key]) if list_key else (), archives=archived)


def _remove_of_product(tx: Connection, product_id: int, limits: DeletionLimits) -> Portion:
    if removed := statements.remove_devices(tx, product_id, limits.devices):
        return Portion(device_ids=removed)
    if not statements.remove_registration(tx, product_id):
        statements.remove_product(tx, product_id)
    return Portion()
