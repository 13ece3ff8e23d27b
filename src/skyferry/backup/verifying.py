"""Compares the object store with the database, as after a restore from copies that were made one after the other."""

import hashlib
from collections.abc import AsyncIterator, Sequence

from skyferry.objects.interface import ObjectReader, ObjectStore
from skyferry.store.backups import FileRecord


async def damaged(
    objects: ObjectStore, named: Sequence[FileRecord], *, digests: bool
) -> AsyncIterator[tuple[FileRecord, str]]:
    """The files that are not what the database says of them, each with a sentence.

    Args:
        objects: the object store, started.
        named: what the database names.
        digests: read every byte too, not only the sizes.

    Raises:
        OSError: the object store does not answer, or cannot be read.
    """
    for file in named:
        fault = await _fault_of(objects, file, digests=digests)
        if fault is not None:
            yield file, fault


async def _fault_of(objects: ObjectStore, file: FileRecord, *, digests: bool) -> str | None:
    try:
        reader = await objects.open(file.name)
    except FileNotFoundError:
        return f"{file.name} is missing."
    try:
        if reader.size != file.size:
            return f"{file.name} has {reader.size} bytes; {file.size} were stored."
        if digests and file.sha256 is not None and await _digest_of(reader) != file.sha256:
            return f"{file.name} is damaged: its content is not what was stored."
    finally:
        await reader.close()
    return None


async def _digest_of(reader: ObjectReader) -> str:
    digest = hashlib.sha256()
    async for block in reader.blocks(0, reader.size):
        digest.update(block)
    return digest.hexdigest()
