"""Where the bytes of package files live, as the rest of the server sees it: a directory today, S3 when roles run apart.

Names are `StoredObject.blob`: the object key and the SHA-256 of the content, so what stands under a name never
changes; replacing an object is writing another blob and switching the row to it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: its name, and when it was stored, in milliseconds since the Unix epoch."""

    name: str
    modified_ms: int


class ObjectWriter(Protocol):
    """A blob in the making; nobody can see it before `commit`."""

    async def write(self, data: bytes) -> None:
        """Appends.

        Raises:
            OSError: there is no room, or the store cannot be reached.
        """
        ...

    async def commit(self, name: str) -> None:
        """Makes the blob visible under its name, durable when this returns. A blob of the same name is replaced.

        Raises:
            OSError: as `write`.
        """
        ...

    async def abort(self) -> None:
        """Leaves nothing behind, at whatever point the writing stopped; after `commit` it does nothing."""
        ...


class ObjectReader(Protocol):
    """An opened blob."""

    @property
    def size(self) -> int:
        """Its length in bytes."""
        ...

    def fileno(self) -> int | None:
        """A file descriptor from which the kernel can send; None when the bytes do not come from a local file."""
        ...

    def blocks(self, start: int, count: int) -> AsyncIterator[bytes]:
        """`count` bytes from `start` on, in blocks of a size that suits the store.

        Raises:
            OSError: the bytes cannot be read, or are not there.
        """
        ...

    async def close(self) -> None:
        """Gives back what the reader holds."""
        ...


class ObjectStore(Protocol):
    """Stores blobs under names."""

    async def create(self) -> ObjectWriter:
        """Starts a blob.

        Raises:
            OSError: the store cannot be written to.
        """
        ...

    async def open(self, name: str) -> ObjectReader:
        """Opens a blob.

        Raises:
            FileNotFoundError: there is none of this name.
        """
        ...

    async def delete(self, name: str) -> None:
        """Removes a blob; one that is not there is no error."""
        ...

    def blobs(self) -> AsyncIterator[Blob]:
        """All blobs, in no order."""
        ...

    async def sweep(self) -> int:
        """Removes what broken uploads of processes that are gone have left; returns how many."""
        ...
