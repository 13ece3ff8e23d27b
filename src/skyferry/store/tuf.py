"""Statements on the TUF repositories of products: their metadata, their keys, and the files that they list."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, delete, select, update

from skyferry.store import rows
from skyferry.store.dialect import upserting
from skyferry.store.tables import (
    objects,
    package_files,
    package_is_kept,
    packages,
    product_is_kept,
    products,
    tuf_keys,
    tuf_metadata,
    tuf_repositories,
)


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    """A row of `tuf_repositories`."""

    product_id: int
    revision: int
    due_at: int | None


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file of a package, with what a list of packages tells of it."""

    firmware_id: str
    module: str
    dest_version: str
    src_version: str | None
    type: int
    position: int
    name: str | None
    object_key: str
    size: int
    sha256: str


_FILE: Final = [
    packages.c.firmware_id,
    packages.c.module,
    packages.c.dest_version,
    packages.c.src_version,
    packages.c.type,
    package_files.c.position,
    package_files.c.name,
    package_files.c.object_key,
    objects.c.size,
    objects.c.sha256,
]
USABLE: Final = (-1, 1)
"""The states of packages that jobs may be made for (`ota/states.py`, `PackageStatus.may_upgrade`)."""
_usable: Final = and_(packages.c.status.in_(USABLE), package_is_kept)
_REPOSITORY: Final[Select[Any]] = select(*rows.columns(RepositoryRecord, tuf_repositories))


def insert_repository(tx: Connection, product_id: int) -> None:
    """Gives a product a repository, unless it has one."""
    tx.execute(upserting(tx, tuf_repositories).values(product_id=product_id).on_conflict_do_nothing())


def repository(tx: Connection, product_id: int) -> RepositoryRecord | None:
    """The repository of a product."""
    return rows.one_of(RepositoryRecord, tx.execute(_REPOSITORY.where(tuf_repositories.c.product_id == product_id)))


def next_due(tx: Connection, now: int) -> RepositoryRecord | None:
    """The repository that has waited longest for the worker to look at it."""
    statement = (
        _REPOSITORY.join(products, tuf_repositories.c.product_id == products.c.id)
        .where(tuf_repositories.c.due_at <= now, product_is_kept)
        .order_by(tuf_repositories.c.due_at)
        .limit(1)
    )
    return rows.one_of(RepositoryRecord, tx.execute(statement))


def advance(tx: Connection, seen: RepositoryRecord, *, due_at: int | None) -> bool:
    """Takes the repository on to its next revision; False when it is not the one that was seen any more."""
    statement = update(tuf_repositories).where(
        tuf_repositories.c.product_id == seen.product_id, tuf_repositories.c.revision == seen.revision
    )
    return tx.execute(statement.values(revision=seen.revision + 1, due_at=due_at)).rowcount == 1


def insert_metadata(tx: Connection, product_id: int, role: str, version: int, body: bytes, *, now: int) -> bool:
    """Publishes a version of a role's metadata; False when there is one."""
    values = {"product_id": product_id, "role": role, "version": version, "body": body, "created_at": now}
    return tx.execute(upserting(tx, tuf_metadata).values(values).on_conflict_do_nothing()).rowcount == 1


def forget_metadata(tx: Connection, product_id: int, role: str, *, below: int) -> None:
    """Removes versions of a role's metadata that no client needs any more."""
    tx.execute(
        delete(tuf_metadata).where(
            tuf_metadata.c.product_id == product_id, tuf_metadata.c.role == role, tuf_metadata.c.version < below
        )
    )


def newest(tx: Connection, product_id: int, role: str) -> bytes | None:
    """The newest metadata of a role."""
    statement = (
        select(tuf_metadata.c.body)
        .where(tuf_metadata.c.product_id == product_id, tuf_metadata.c.role == role)
        .order_by(tuf_metadata.c.version.desc())
        .limit(1)
    )
    return tx.execute(statement).scalar()


def published(tx: Connection, product_key: str, role: str, version: int | None) -> bytes | None:
    """A version of a role's metadata, or the newest one, by the ProductKey."""
    statement = (
        select(tuf_metadata.c.body)
        .join(products, tuf_metadata.c.product_id == products.c.id)
        .where(products.c.product_key == product_key, product_is_kept, tuf_metadata.c.role == role)
    )
    if version is not None:
        statement = statement.where(tuf_metadata.c.version == version)
    return tx.execute(statement.order_by(tuf_metadata.c.version.desc()).limit(1)).scalar()


def insert_key(tx: Connection, product_id: int, key_id: str, private_sealed: bytes, *, now: int) -> None:
    """Adds a private key."""
    values = {"product_id": product_id, "key_id": key_id, "private_sealed": private_sealed, "created_at": now}
    tx.execute(tuf_keys.insert(), values)


def keys_of(tx: Connection, product_id: int) -> Mapping[str, bytes]:
    """The sealed private keys of a product's repository by their ids."""
    statement = select(tuf_keys.c.key_id, tuf_keys.c.private_sealed).where(tuf_keys.c.product_id == product_id)
    return dict(tx.execute(statement).all())


def delete_keys(tx: Connection, product_id: int, *, but: Collection[str]) -> None:
    """Removes the private keys that are not needed any more."""
    tx.execute(delete(tuf_keys).where(tuf_keys.c.product_id == product_id, tuf_keys.c.key_id.not_in(but)))


def files_of(tx: Connection, product_id: int) -> Sequence[ListedFile]:
    """The files of a product's packages that jobs may be made for."""
    statement = (
        select(*_FILE)
        .join(package_files, package_files.c.package_id == packages.c.id)
        .join(objects, package_files.c.object_key == objects.c.key)
        .where(packages.c.product_id == product_id, _usable)
        .order_by(packages.c.id, package_files.c.position)
    )
    return rows.all_of(ListedFile, tx.execute(statement))


def object_of(tx: Connection, product_key: str, sha256: str) -> tuple[str, str | None] | None:
    """A file of this digest in a product's packages that jobs may be made for.

    Returns:
        The object key, and the product's own place for downloads if it has one; None when there is no such file.
    """
    statement = (
        select(package_files.c.object_key, products.c.download_base)
        .join(packages, package_files.c.package_id == packages.c.id)
        .join(products, packages.c.product_id == products.c.id)
        .join(objects, package_files.c.object_key == objects.c.key)
        .where(
            products.c.product_key == product_key,
            product_is_kept,
            _usable,
            objects.c.sha256 == sha256,
        )
        .order_by(package_files.c.object_key)
        .limit(1)
    )
    found = tx.execute(statement).one_or_none()
    return None if found is None else (found.object_key, found.download_base)
