"""Package files in a local directory.

A file is written under `incoming/`, forced to the disk and renamed to its final name, so a name always stands for a
whole file. The writer holds a lock on its file in `incoming/`: what is there and not locked belongs to a process that
is gone.
"""

import asyncio
import fcntl
import os
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Final

from skyferry.objects import keys
from skyferry.objects.interface import Blob
from skyferry.objects.limits import MEBIBYTE

_INCOMING: Final = "incoming"
_BLOCK: Final = MEBIBYTE


class LocalObjectStore:
    """Keeps each blob in one file below a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def start(self) -> None:
        """Makes the directory.

        Raises:
            OSError: it cannot be made.
        """
        await asyncio.to_thread(_make_durably, self._directory)

    async def check(self) -> None:
        """Returns when files can be written to the directory.

        Raises:
            OSError: they cannot.
        """
        await asyncio.to_thread(_check, self._directory)

    async def close(self) -> None:
        """Nothing is held between two calls."""

    async def create(self) -> "_LocalWriter":
        """Starts a blob.

        Raises:
            OSError: the directory cannot be written to.
        """
        return await asyncio.to_thread(_LocalWriter, self._directory)

    async def open(self, name: str) -> "_LocalReader":
        """Opens a blob.

        Not in a thread: that took ten times as long as the call, and the loop waits for the disk in `sendfile` anyway.

        Raises:
            FileNotFoundError: there is none of this name.
        """
        return _LocalReader(_path(self._directory, name))

    async def delete(self, name: str) -> None:
        """Removes a blob; one that is not there is no error."""
        await asyncio.to_thread(_path(self._directory, name).unlink, missing_ok=True)

    async def blobs(self) -> AsyncIterator[Blob]:
        """All blobs, in no order; files of other names are left alone."""
        async for blob in self._named("ota", keys.is_blob):
            yield blob

    async def archives(self) -> AsyncIterator[Blob]:
        """All files with archived tasks, in no order."""
        async for blob in self._named("archive", keys.is_archive):
            yield blob

    async def sweep(self) -> int:
        """Removes what uploads of processes that are gone have left; returns how many files."""
        return await asyncio.to_thread(_sweep, self._directory / _INCOMING)

    async def _named(self, kind: str, is_right: Callable[[str], bool]) -> AsyncIterator[Blob]:
        for folder in await asyncio.to_thread(_entries, self._directory / kind):
            for blob in await asyncio.to_thread(_files_in, folder):
                if is_right(blob.name):
                    yield blob


class _LocalWriter:
    """One file in `incoming/`. The lock keeps a cancelled upload's abort from closing the file under a write."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / _INCOMING / secrets.token_hex(16)
        self._incoming.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._descriptor: int | None = os.open(self._incoming, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    async def write(self, data: bytes) -> None:
        await asyncio.to_thread(self._write, data)

    async def commit(self, name: str) -> None:
        await asyncio.to_thread(self._commit, _path(self._directory, name))

    async def abort(self) -> None:
        await asyncio.to_thread(self._abort)

    def _write(self, data: bytes) -> None:
        with self._lock:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._opened(), rest) :]

    def _commit(self, target: Path) -> None:
        with self._lock:
            os.fsync(self._opened())
            _make_durably(target.parent)
            self._incoming.replace(target)
            _sync_directory(target.parent)
            self._close()

    def _abort(self) -> None:
        with self._lock:
            if self._descriptor is not None:
                self._incoming.unlink(missing_ok=True)
                self._close()

    def _opened(self) -> int:
        if self._descriptor is None:
            raise OSError("The upload has ended.")
        return self._descriptor

    def _close(self) -> None:
        os.close(self._opened())
        self._descriptor = None


class _LocalReader:
    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size

    @property
    def size(self) -> int:
        return self._size

    def fileno(self) -> int:
        return self._file.fileno()

    async def blocks(self, start: int, count: int) -> AsyncIterator[bytes]:
        end = start + count
        while start < end:
            block = await asyncio.to_thread(os.pread, self._file.fileno(), min(_BLOCK, end - start), start)
            if not block:
                raise OSError("The file is shorter than it was.")
            start += len(block)
            yield block

    async def close(self) -> None:
        self._file.close()


def _path(directory: Path, name: str) -> Path:
    return directory / keys.checked_blob(name)


def _check(directory: Path) -> None:
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(f"{directory} cannot be read and written.")


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files_in(folder: Path) -> Iterable[Blob]:
    found = []
    for path in _entries(folder):
        try:
            found.append(Blob("/".join(path.parts[-3:]), path.stat().st_mtime_ns // 1_000_000))
        except FileNotFoundError:
            continue
    return found


def _sweep(incoming: Path) -> int:
    removed = 0
    for path in _entries(incoming):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            path.unlink(missing_ok=True)
            removed += 1
    return removed


def _make_durably(directory: Path) -> None:
    """Makes a directory and its parents such that a power cut cannot take them away with a file in them."""
    if directory.is_dir():
        return
    _make_durably(directory.parent)
    directory.mkdir(exist_ok=True)
    _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
