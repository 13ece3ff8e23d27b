"""Copying package files and archives from one object store to another."""

import hashlib
import zlib
from collections.abc import Callable
from typing import Final

from skyferry.objects import keys
from skyferry.objects.interface import ObjectReader, ObjectStore

_GZIP: Final = 16 + zlib.MAX_WBITS


class DamagedBlobError(OSError):
    """The content of a blob is not the one that its name tells."""


async def copy_blob(source: ObjectStore, target: ObjectStore, name: str) -> bool:
    """Copies one blob, unless the target has it: what stands under a name never changes.

    Args:
        source: where it is.
        target: where it goes.
        name: of the blob.

    Returns:
        False when it was there.

    Raises:
        FileNotFoundError: the source has no such blob.
        DamagedBlobError: its content has another SHA-256 than its name tells; nothing is left in the target.
        OSError: a store cannot be read or written.
    """
    reader = await source.open(name)
    try:
        if await _has(target, name, reader.size):
            return False
        await _copy(reader, target, name)
    finally:
        await reader.close()
    return True


async def _has(store: ObjectStore, name: str, size: int) -> bool:
    try:
        found = await store.open(name)
    except FileNotFoundError:
        return False
    try:
        return found.size == size
    finally:
        await found.close()


async def _copy(reader: ObjectReader, target: ObjectStore, name: str) -> None:
    digest, told, writer = hashlib.sha256(), _told(name), await target.create()
    try:
        async for block in reader.blocks(0, reader.size):
            digest.update(told(block))
            await writer.write(block)
        if f".{digest.hexdigest()}" not in name:
            raise DamagedBlobError(f"The file {name} is damaged.")
        await writer.commit(name)
    except zlib.error as error:
        raise DamagedBlobError(f"The file {name} is damaged: {error}.") from error
    finally:
        await writer.abort()


def _told(name: str) -> Callable[[bytes], bytes]:
    """What of the content the SHA-256 in a name is of: that of an archive tells what it holds, not how it is packed."""
    return zlib.decompressobj(_GZIP).decompress if keys.is_archive(name) else bytes
