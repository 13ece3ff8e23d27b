"""Statements about uploaded files and the keys with which they are uploaded."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, exists, literal, select

from skyferry.store import rows
from skyferry.store.dialect import upserting
from skyferry.store.tables import instances, jobs, objects, package_files


class ObjectInUseError(Exception):
    """The object may not be replaced: something refers to it, or the caller forbade it."""


@dataclass(frozen=True, slots=True)
class SealedUploadKey:
    """The key pair with which an instance's uploads are signed.

    Attributes:
        instance_id: the instance.
        object_prefix: the 32 hexadecimal digits of the instance in object keys.
        access_key_id: the public half.
        sealed_secret: the secret half, sealed by `skyferry.keys.SecretBox`.
    """

    instance_id: int
    object_prefix: str
    access_key_id: str
    sealed_secret: bytes


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An uploaded file.

    Attributes:
        key: the object key, unique over all instances.
        instance_id: the instance that owns it.
        size: in bytes.
        md5: lower-case hexadecimal digest.
        sha256: lower-case hexadecimal digest.
        crc64: CRC-64/XZ as a decimal number.
        created_at: when its upload began, in milliseconds since the Unix epoch.
        sha1: lower-case hexadecimal digest; None where it was not computed yet.
    """

    key: str
    instance_id: int
    size: int
    md5: str
    sha256: str
    crc64: str
    created_at: int
    sha1: str | None = None

    @property
    def blob(self) -> str:
        """The name of its bytes in the object store."""
        return f"{self.key}.{self.sha256}"


_COLUMNS: Final = rows.columns(StoredObject, objects)


def find_upload_key(tx: Connection, upload_key_id: str) -> SealedUploadKey | None:
    """The upload key of this public half, whichever instance it belongs to: the key is what names the instance."""
    return rows.one_of(SealedUploadKey, tx.execute(_upload_keys().where(instances.c.upload_key_id == upload_key_id)))


def upload_key_of(tx: Connection, instance_id: int) -> SealedUploadKey:
    """The upload key of an instance that exists."""
    return SealedUploadKey(*tx.execute(_upload_keys().where(instances.c.id == instance_id)).one())


def find_object(tx: Connection, instance_id: int, key: str) -> StoredObject | None:
    """An instance's object."""
    return rows.one_of(StoredObject, tx.execute(_own(instance_id, key)))


def hold_object(tx: Connection, instance_id: int, key: str) -> StoredObject | None:
    """An instance's object, which stays as it is until the transaction ends, so that a package can be made of it."""
    return rows.one_of(StoredObject, tx.execute(_own(instance_id, key).with_for_update(read=True)))


_OBJECTS_OF_URLS: Final = select(*_COLUMNS).where(objects.c.key.in_(bindparam("keys", expanding=True)))


def find_objects_of_urls(tx: Connection, keys: Collection[str]) -> dict[str, StoredObject]:
    """The objects of download URLs by key. No instance fences this look-up: a URL's signature is its caller's right."""
    found = rows.all_of(StoredObject, tx.execute(_OBJECTS_OF_URLS, {"keys": list(keys)}))
    return {item.key: item for item in found}


def put_object(tx: Connection, new: StoredObject, *, overwrite: bool = True) -> StoredObject | None:
    """Stores the row of an object, or replaces it while nothing refers to it.

    Args:
        tx: the transaction.
        new: the object.
        overwrite: False to refuse a key that is taken.

    Returns:
        What was replaced, if anything.

    Raises:
        ObjectInUseError: the row was left as it is.
    """
    taken = select(*_COLUMNS).where(objects.c.key == new.key).with_for_update()
    replaced = rows.one_of(StoredObject, tx.execute(taken))
    if replaced is not None and not overwrite:
        raise ObjectInUseError(new.key)
    values = asdict(new)
    insert = upserting(tx, objects).values(values)
    guarded = insert.on_conflict_do_update(
        index_elements=[objects.c.key],
        set_={name: insert.excluded[name] for name in values},
        where=(objects.c.instance_id == new.instance_id) & ~_is_referred_to(literal(new.key)),
    )
    if tx.execute(guarded).rowcount == 0:
        raise ObjectInUseError(new.key)
    return replaced


def orphans(tx: Connection, created_before: int, limit: int) -> list[StoredObject]:
    """Objects that nothing refers to, the oldest first; one that somebody is working with is passed over.

    Args:
        tx: the transaction.
        created_before: milliseconds since the Unix epoch.
        limit: at most this many.
    """
    query = select(*_COLUMNS).where(objects.c.created_at < created_before, ~_is_referred_to(objects.c.key))
    ordered = query.order_by(objects.c.created_at).limit(limit)
    return rows.all_of(StoredObject, tx.execute(ordered.with_for_update(skip_locked=True)))


def delete_orphans(tx: Connection, created_before: int, limit: int) -> list[StoredObject]:
    """Deletes what `orphans` finds and returns what was deleted."""
    return delete_unused(tx, [orphan.key for orphan in orphans(tx, created_before, limit)])


def delete_unused(tx: Connection, keys: Collection[str]) -> list[StoredObject]:
    """Deletes those of the objects that nothing refers to any more, and returns what was deleted.

    One that somebody is making a package of is passed over.
    """
    free = select(objects.c.key).where(objects.c.key.in_(keys)).with_for_update(skip_locked=True)
    statement = delete(objects).where(
        objects.c.key.in_(tx.execute(free).scalars().all()), ~_is_referred_to(objects.c.key)
    )
    return rows.all_of(StoredObject, tx.execute(statement.returning(*_COLUMNS)))


def blobs_by_key(tx: Connection, keys: Sequence[str]) -> Mapping[str, str]:
    """The blobs that the objects of these keys are made of, by key."""
    found = rows.all_of(StoredObject, tx.execute(select(*_COLUMNS).where(objects.c.key.in_(keys))))
    return {item.key: item.blob for item in found}


def blobs_of(tx: Connection, keys: Sequence[str]) -> frozenset[str]:
    """The blobs that the objects of these keys are made of."""
    return frozenset(blobs_by_key(tx, keys).values())


def _own(instance_id: int, key: str) -> Select[Any]:
    return select(*_COLUMNS).where(objects.c.key == key, objects.c.instance_id == instance_id)


def _upload_keys() -> Select[Any]:
    return select(instances.c.id, instances.c.object_prefix, instances.c.upload_key_id, instances.c.upload_key_sealed)


def _is_referred_to(key: ColumnElement[str]) -> ColumnElement[bool]:
    """A package has the file, or a job that has not ended reads its devices from it.

    Args:
        key: of the object; an upsert has no row around it that a column could mean.
    """
    in_package = exists().where(package_files.c.object_key == key).correlate(objects)
    in_job = exists().where(jobs.c.list_key == key, jobs.c.ended_at.is_(None)).correlate(objects)
    return in_package | in_job
