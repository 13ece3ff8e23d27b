"""Removing files that nobody needs: uploads that nothing was made of, and what crashes have left."""

from collections.abc import Iterable

import structlog

from skyferry.clock import Clock
from skyferry.objects.interface import ObjectStore
from skyferry.objects.limits import ObjectLimits
from skyferry.store import archives
from skyferry.store import objects as statements
from skyferry.store.engine import Store
from skyferry.store.objects import StoredObject

_log = structlog.get_logger("skyferry.objects")


async def remove_orphans(store: Store, objects: ObjectStore, clock: Clock, limits: ObjectLimits) -> int:
    """Removes objects that nothing refers to an hour after their upload (control-plane reference §3.1, §3.2).

    At most `limits.cleaning_batch` of them: when that many were removed there may be more. Rows go first, so that no
    package can be made of a file that is about to go.

    Returns:
        How many were removed.
    """
    created_before = clock.now_ms() - limits.unused_seconds * 1_000
    removed = await store.write(statements.delete_orphans, created_before, limits.cleaning_batch)
    await remove_blobs(objects, removed)
    return len(removed)


async def remove_blobs(objects: ObjectStore, removed: Iterable[StoredObject]) -> None:
    """Removes the files of objects whose rows are gone; those that cannot be removed now are strays from then on."""
    for item in removed:
        if await remove_blob(objects, item.blob):
            _log.info("unused object removed", key=item.key)


async def remove_blob(objects: ObjectStore, name: str) -> bool:
    """Removes a file that nothing refers to any more; False when it stays, for `remove_strays` at the next start."""
    try:
        await objects.delete(name)
    except OSError as error:
        _log.warning("file left in the object store", name=name, reason=str(error))
        return False
    return True


async def remove_strays(store: Store, objects: ObjectStore, limits: ObjectLimits, *, stored_before: int) -> int:
    """Removes files without a row: a crash between a file and its row, or between a row and its file, leaves one.

    Args:
        store: the database.
        objects: the object store; all of its names are read.
        limits: how many names are looked up at a time.
        stored_before: leaves younger files alone, in milliseconds since the Unix epoch by the object store's clock.
            An upload that is still running has a file before it has a row, so only a process that knows of none may
            give the present.

    Returns:
        How many were removed.
    """
    removed = 0
    batch: list[str] = []
    async for blob in objects.blobs():
        if blob.modified_ms < stored_before:
            batch.append(blob.name)
        if len(batch) >= limits.cleaning_batch:
            removed += await _remove_unknown(store, objects, batch)
            batch.clear()
    return removed + await _remove_unknown(store, objects, batch)


async def remove_stray_archives(store: Store, objects: ObjectStore, limits: ObjectLimits, *, stored_before: int) -> int:
    """Removes files with archived tasks that no row names: of attempts that failed, and of deleted jobs.

    Takes and returns what `remove_strays` does.
    """
    removed = 0
    names = [blob.name async for blob in objects.archives() if blob.modified_ms < stored_before]
    for start in range(0, len(names), limits.cleaning_batch):
        batch = names[start : start + limits.cleaning_batch]
        known = await store.read(archives.known, batch)
        for name in batch:
            if name not in known:
                await objects.delete(name)
                _log.info("stray archive removed", name=name)
                removed += 1
    return removed


async def _remove_unknown(store: Store, objects: ObjectStore, names: list[str]) -> int:
    keys = [name.rpartition(".")[0] for name in names]
    known = await store.read(statements.blobs_of, keys)
    strays = [name for name in names if name not in known]
    for name in strays:
        await objects.delete(name)
        _log.info("stray file removed", name=name)
    return len(strays)
