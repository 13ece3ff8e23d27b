"""The data directory: who may use it, what is in it."""

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


class DataDirError(Exception):
    """The data directory cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """The paths in a data directory."""

    path: Path

    @property
    def database(self) -> Path:
        """The SQLite database."""
        return self.path / "skyferry.db"

    @property
    def objects(self) -> Path:
        """The package files."""
        return self.path / "objects"

    @property
    def key(self) -> Path:
        """The master key, mode 0600."""
        return self.path / "master.key"

    @property
    def tls(self) -> Path:
        """The certificates and their keys."""
        return self.path / "tls"

    @property
    def root_key(self) -> Path:
        """The generated AccessKey of the root account, mode 0600."""
        return self.path / "root-access-key"

    @property
    def root_password(self) -> Path:
        """The generated password of the root account in the console, mode 0600."""
        return self.path / "root-password"


class DataDirLock:
    """Keeps a second server out of a data directory. The lock ends with the process, however it ends."""

    def __init__(self, directory: DataDir) -> None:
        self._path = directory.path / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> None:
        """Takes the lock and makes the directory, readable by its owner only.

        Raises:
            DataDirError: another server has it, or the directory cannot be written.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DataDirError(f"Another server uses {self._path.parent}.") from None
        except OSError as error:
            raise DataDirError(f"{self._path.parent} cannot be used: {error.strerror}.") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Gives the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read."""
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
