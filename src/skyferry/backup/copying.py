"""Copies files: whole or not at all, durable, and no faster than was asked for."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_BLOCK: Final = 1_048_576


class Pace:
    """Keeps the bytes per second of everything that is copied below a limit."""

    def __init__(
        self,
        bytes_per_second: int | None,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Args: bytes_per_second: no limit when None; now: a clock in seconds; sleep: waits for so many seconds."""
        self._rate = bytes_per_second
        self._now = now
        self._sleep = sleep
        self._free_at = 0.0
        self.copied = 0
        """Bytes so far."""

    def took(self, count: int) -> None:
        """So many bytes were copied: waits until the next ones may be."""
        self.copied += count
        if self._rate is None:
            return
        now = self._now()
        self._free_at = max(self._free_at, now) + count / self._rate
        self._sleep(self._free_at - now)


def copy_file(source: Path, target: Path, pace: Pace, *, private: bool = True) -> str:
    """Copies a file under a name of its own first, so that under its right name it is always whole.

    Returns:
        The SHA-256 of what was copied.

    Raises:
        OSError: it cannot be read or written.
    """
    make_directory(target.parent)
    partial = target.with_name(f"{target.name}.partial")
    digest = hashlib.sha256()
    descriptor = os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600 if private else 0o644)
    with source.open("rb", buffering=0) as reader, os.fdopen(descriptor, "wb") as writer:
        while block := reader.read(_BLOCK):
            digest.update(block)
            writer.write(block)
            pace.took(len(block))
        writer.flush()
        os.fsync(writer.fileno())
    partial.replace(target)
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """The SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_directory(directory: Path) -> None:
    """Makes a directory that only its owner can look into."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def sync_below(directory: Path) -> None:
    """Makes durable which files there are in a directory and below it."""
    for path in [directory, *(path for path in directory.rglob("*") if path.is_dir())]:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
