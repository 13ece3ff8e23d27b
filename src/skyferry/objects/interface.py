"""Where the bytes of package files live, as the rest of the server sees it: a local directory, or a bucket of S3.

Names are `StoredObject.blob`: the object key and the SHA-256 of the content, so what stands under a name never
changes; replacing an object is writing another blob and switching the row to it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from skyferry.errors import UnavailableError


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored blob: its name, and when it was stored, in milliseconds since the Unix epoch."""

    name: str
    modified_ms: int


class StoreAwayError(OSError, UnavailableError):
    """The object store does not answer, or does not let the server in; the message says which."""

    advice = "See whether the object store runs, is reached and knows the access key; the server goes on by itself."


class StoreRefusesError(StoreAwayError):
    """It answers, but lets nobody in before a person has changed something."""


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
        """Leaves nothing behind, at whatever point the writing stopped; after `commit` it does nothing.

        What a store that is away keeps, `ObjectStore.sweep` removes at the next start.
        """
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

    async def start(self) -> None:
        """Makes the store ready for use; nothing else is called before.

        Raises:
            OSError: it cannot be used; the message says why.
        """
        ...

    async def check(self) -> None:
        """Returns when the store works.

        Raises:
            OSError: it does not.
        """
        ...

    async def close(self) -> None:
        """Gives back what the store holds; nothing is called afterwards."""
        ...

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
            StoreAwayError: nobody can say now.
        """
        ...

    async def delete(self, name: str) -> None:
        """Removes a blob; one that is not there is no error.

        Raises:
            OSError: it may still be there.
        """
        ...

    def blobs(self) -> AsyncIterator[Blob]:
        """All blobs, in no order, but for archives."""
        ...

    def archives(self) -> AsyncIterator[Blob]:
        """All files with archived tasks, in no order."""
        ...

    async def sweep(self) -> int:
        """Removes what broken uploads of processes that are gone have left; returns how many."""
        ...


@runtime_checkable
class PresigningStore(Protocol):
    """A store that gives out blobs itself, to whoever has a URL that it made."""

    async def presigned(self, name: str) -> str:
        """The URL of a blob, valid for a while.

        Raises:
            StoreAwayError: none can be made now.
        """
        ...
