"""Statements on packages and their files."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, literal, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.tables import (
    job_is_running,
    jobs,
    package_files,
    package_is_kept,
    packages,
    product_is_kept,
    products,
    tasks,
    tuf_repositories,
)


@dataclass(frozen=True, slots=True)
class PackageRecord:
    """A row of `packages` with the product that it belongs to, and whether that wants its packages signed."""

    id: int
    instance_id: int
    product_id: int
    firmware_id: str
    name: str
    module: str
    dest_version: str
    src_version: str | None
    type: int
    sign_method: str
    description: str | None
    udi: str | None
    status: int
    multi_file: bool
    created_at: int
    modified_at: int
    product_key: str
    product_name: str
    secure_update: bool


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A row of `package_files`. `sign` is the digest by the package's sign method."""

    package_id: int
    position: int
    object_key: str
    name: str | None
    size: int
    sign: str
    md5: str


_FILE_COLUMNS = rows.columns(FileRecord, package_files)


def _select() -> Select[Any]:
    own = [packages.c[name] for name in PackageRecord.__dataclass_fields__ if name in packages.c]
    of_product = products.c.product_key, products.c.name, products.c.secure_update
    return select(*own, *of_product).join(products, packages.c.product_id == products.c.id)


def insert(tx: Connection, values: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> int:
    """Adds a package with its files and returns its key.

    Raises:
        sqlalchemy.exc.IntegrityError: the name or the version is taken, or an object does not exist.
    """
    package_id = int(tx.execute(packages.insert().returning(packages.c.id), dict(values)).scalar_one())
    tx.execute(package_files.insert(), [{**file, "package_id": package_id} for file in files])
    _list_anew(tx, packages.c.id == package_id, values["created_at"])
    return package_id


_FIND: Final = _select().where(
    packages.c.firmware_id == bindparam("firmware"), packages.c.instance_id == bindparam("instance"), package_is_kept
)


def find(tx: Connection, instance_id: int, firmware_id: str) -> PackageRecord | None:
    """The package of this FirmwareId."""
    return rows.one_of(PackageRecord, tx.execute(_FIND, {"firmware": firmware_id, "instance": instance_id}))


def by_ids(tx: Connection, package_ids: Collection[int]) -> dict[int, PackageRecord]:
    """Packages by their keys."""
    statement = _select().where(packages.c.id.in_(package_ids))
    return {package.id: package for package in rows.all_of(PackageRecord, tx.execute(statement))}


def name_is_taken(tx: Connection, instance_id: int, name: str) -> bool:
    """True when the instance has a package of this name."""
    statement = select(packages.c.id).where(packages.c.instance_id == instance_id, packages.c.name == name)
    return tx.execute(statement).first() is not None


def version_is_taken(tx: Connection, product_id: int, dest_version: str) -> bool:
    """True when the product has a package of this version."""
    statement = select(packages.c.id).where(
        packages.c.product_id == product_id, packages.c.dest_version == dest_version
    )
    return tx.execute(statement).first() is not None


def any_of_module(tx: Connection, product_id: int, module: str) -> bool:
    """True when the product has a package for the module."""
    statement = select(packages.c.id).where(
        packages.c.product_id == product_id, packages.c.module == module, package_is_kept
    )
    return tx.execute(statement.limit(1)).first() is not None


def _filtered(
    statement: Select[Any], instance_id: int, product_key: str | None, dest_version: str | None
) -> Select[Any]:
    statement = statement.where(packages.c.instance_id == instance_id, package_is_kept)
    if product_key is not None:
        statement = statement.where(products.c.product_key == product_key)
    if dest_version is not None:
        statement = statement.where(packages.c.dest_version == dest_version)
    return statement


def count(tx: Connection, instance_id: int, *, product_key: str | None = None, dest_version: str | None = None) -> int:
    """How many packages the instance has, with the filters of ListOTAFirmware."""
    statement = select(func.count()).select_from(packages.join(products, packages.c.product_id == products.c.id))
    return int(tx.execute(_filtered(statement, instance_id, product_key, dest_version)).scalar_one())


def page(
    tx: Connection,
    instance_id: int,
    *,
    offset: int,
    limit: int,
    product_key: str | None = None,
    dest_version: str | None = None,
) -> Sequence[PackageRecord]:
    """Packages of the instance, newest first."""
    statement = _filtered(_select(), instance_id, product_key, dest_version)
    statement = statement.order_by(packages.c.id.desc()).offset(offset).limit(limit)
    return rows.all_of(PackageRecord, tx.execute(statement))


def files_of(tx: Connection, package_ids: Collection[int]) -> dict[int, list[FileRecord]]:
    """The files of packages, in their order."""
    statement = (
        select(*_FILE_COLUMNS)
        .where(package_files.c.package_id.in_(package_ids))
        .order_by(package_files.c.package_id, package_files.c.position)
    )
    found: dict[int, list[FileRecord]] = {}
    for file in rows.all_of(FileRecord, tx.execute(statement)):
        found.setdefault(file.package_id, []).append(file)
    return found


def hold(tx: Connection, package_id: int) -> None:
    """Keeps jobs from being made for a package until the transaction ends."""
    tx.execute(select(packages.c.id).where(packages.c.id == package_id).with_for_update())


def keep(tx: Connection, package_id: int) -> bool:
    """Keeps a package and its product from being deleted until the transaction ends; False when one of them is."""
    statement = (
        select(packages.c.id)
        .join(products, packages.c.product_id == products.c.id)
        .where(packages.c.id == package_id, package_is_kept, product_is_kept)
        .with_for_update(of=[packages, products], read=True, key_share=True)
    )
    return tx.execute(statement).first() is not None


def change(tx: Connection, package_id: int, values: Mapping[str, Any]) -> bool:
    """Changes a package; False when it is deleted."""
    statement = update(packages).where(packages.c.id == package_id, package_is_kept).values(**values)
    return tx.execute(statement).rowcount == 1


def delete(tx: Connection, package_id: int, *, now: int) -> bool:
    """Deletes a package for everyone who looks; False when it is deleted. Its rows wait for the worker."""
    return _delete(tx, packages.c.id == package_id, now) == 1


def delete_of_product(tx: Connection, product_id: int, *, now: int) -> int:
    """Deletes all packages of a product as `delete` does, and tells how many."""
    return _delete(tx, packages.c.product_id == product_id, now)


def _delete(tx: Connection, which: ColumnElement[bool], now: int) -> int:
    # No name and no version of a package has a blank: what is given back can be taken, and this never clashes with it.
    freed = literal("deleted ") + packages.c.firmware_id
    _list_anew(tx, which, now)
    statement = update(packages).where(which, package_is_kept).values(name=freed, dest_version=freed, deleted_at=now)
    return tx.execute(statement).rowcount


def set_status(tx: Connection, package_id: int, *, old: Collection[int], new: int, now: int) -> bool:
    """Moves a package on; False when it was in none of the old states."""
    statement = (
        update(packages)
        .where(packages.c.id == package_id, packages.c.status.in_(old))
        .values(status=new, modified_at=now)
    )
    _list_anew(tx, packages.c.id == package_id, now)
    return tx.execute(statement).rowcount == 1


def _list_anew(tx: Connection, which: ColumnElement[bool], now: int) -> None:
    """Has the TUF repositories of changed packages' products look at their lists, in the transaction of the change."""
    changed = tuf_repositories.c.product_id.in_(select(packages.c.product_id).where(which))
    tx.execute(update(tuf_repositories).where(changed).values(revision=tuf_repositories.c.revision + 1, due_at=now))


def move_verified_by(tx: Connection, device_id: int, *, old: int, new: int, but_in: int, now: int) -> int:
    """Moves on the packages that running verify jobs try out on a device, unless its task is in a state `but_in`."""
    tried = (
        select(tasks.c.package_id)
        .join(jobs, tasks.c.job_id == jobs.c.id)
        .where(
            tasks.c.device_id == device_id,
            tasks.c.status != but_in,
            jobs.c.type == "VERIFY_FIRMWARE",
            job_is_running,
        )
    )
    statement = update(packages).where(packages.c.id.in_(tried), packages.c.status == old)
    return tx.execute(statement.values(status=new, modified_at=now)).rowcount
