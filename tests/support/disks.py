"""Servers whose disk can be filled up and freed again, in two ways that need no rights and leave nothing behind."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import pytest

from tests.support.server import Server

_DISK_BYTES: Final = 32 * 1024 * 1024
_BLOCK: Final = bytes(4_096)
_FULL_AT_BYTES: Final = 200_000
"""Where every file ends under the limit: in the midst of the database and its log."""
_OWN_MOUNTS: Final = ("unshare", "--user", "--map-root-user", "--mount")
_ON_A_DISK_OF_ITS_OWN: Final = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && shift 2 && exec "$@"'


class SmallDisk(Server):
    """Its data directory is a file system of its own, in memory, which only this process and its children see.

    The data is gone when the process ends, so the server cannot be started a second time.
    """

    def start(self) -> None:
        """See `Server.start`. Skips the test where a user may not mount anything in a name space of its own."""
        self.data.mkdir(parents=True)
        tried = subprocess.run(
            [*self._inside(), "true"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if tried.returncode:
            pytest.skip(f"no file system of its own for the server: {tried.stderr.strip()}")
        super().start()

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """No byte is free: writes fail with ENOSPC, but for those into room that a file has already."""
        filler = Path(f"/proc/{self.pid}/root") / self.data.relative_to("/") / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(_BLOCK)
            except OSError:
                pass
        yield
        filler.unlink()

    def _launch(self, stdout: IO[bytes], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._inside(), *self._command()],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )

    def _inside(self) -> list[str]:
        return [*_OWN_MOUNTS, "sh", "-c", _ON_A_DISK_OF_ITS_OWN, "sh", str(_DISK_BYTES), str(self.data)]


class LimitedFiles(Server):
    """Its files can be kept from growing: writes behind an offset fail with EFBIG, SQLite's in the midst."""

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Every write behind the first bytes of any file fails, also of the server's own log."""
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (_FULL_AT_BYTES, most))
        yield
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (most, most))
