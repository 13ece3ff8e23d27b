"""Makes a backup while the server runs.

Files never change, they only come and go. So what is there is copied first, which takes long; then the database, which
says what there is at that moment; then the files that came in between. One that went in between, and was not copied
before, makes the database be copied once more.

A backup has the shape of a data directory. Its mark is written last: without it, it is none.
"""

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection

from skyferry import __version__
from skyferry.backup.copying import Pace, copy_file, make_directory, sync_below
from skyferry.clock import moment
from skyferry.datadir import DataDir
from skyferry.store import backups, migrate
from skyferry.store.backups import FileRecord
from skyferry.store.engine import Store

T = TypeVar("T")

MARK: Final = "backup.json"
_FORMAT: Final = 1
_ROUNDS: Final = 5


class BackupError(Exception):
    """There is no backup, or it is not what it should be; the message says why."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a backup holds.

    Attributes:
        made_at: when, in UTC.
        version: of Skyferry.
        schema: the newest revision of the database that this version knows.
        with_files: whether the package files are in it, or in a bucket.
        files: how many files.
        bytes: how much was copied.
        damaged: files whose content is not what was uploaded.
    """

    made_at: str
    version: str
    schema: str
    with_files: bool
    files: int
    bytes: int
    damaged: tuple[str, ...]


def make(
    source: DataDir, key_file: Path, database: Path, target: Path, pace: Pace, *, with_files: bool, now_ms: int
) -> Made:
    """Makes a backup in a directory that is empty or not there yet.

    Args:
        source: the data directory.
        key_file: the master key.
        database: the SQLite database.
        target: where the backup goes.
        pace: how fast.
        with_files: False when the package files are in a bucket.
        now_ms: the time now.

    Raises:
        BackupError: it cannot be made.
        OSError: something cannot be read or written.
        sqlite3.Error: the database cannot be copied.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupError(f"{target} is not empty: name a directory that is not there yet.")
    if not database.is_file():
        raise BackupError(f"There is no database {database}.")
    make_directory(target)
    copied = DataDir(target)
    damaged: set[str] = set()
    wanted: Sequence[FileRecord] = ()
    if with_files:
        for name in _names_below(source.objects):
            _copy_blob(name, source, copied, pace, damaged)
    for _ in range(_ROUNDS):
        copied.database.unlink(missing_ok=True)
        backups.copy_database(database, copied.database, pace.took)
        wanted = ask(copied.database, backups.files)
        if not with_files or not [file for file in wanted if not _have(file, source, copied, pace, damaged)]:
            break
    else:
        raise BackupError("Files that the database names are not there: look at the log of the server.")
    if with_files:
        _remove_unknown(copied, {file.name for file in wanted})
    copy_file(key_file, copied.key, pace)
    for path in sorted(source.tls.glob("*")):
        if path.is_file():
            copy_file(path, copied.tls / path.name, pace)
    made = Made(
        made_at=moment(now_ms).isoformat(timespec="seconds"),
        version=__version__,
        schema=migrate.newest(),
        with_files=with_files,
        files=len(wanted),
        bytes=pace.copied,
        damaged=tuple(sorted(damaged & {file.name for file in wanted})),
    )
    sync_below(target)
    mark = target / f"{MARK}.partial"
    mark.write_text(json.dumps({"format": _FORMAT, **asdict(made)}, indent=2) + "\n")
    mark.replace(target / MARK)
    sync_below(target)
    return made


def read_mark(directory: Path) -> Made:
    """What a backup says of itself.

    Raises:
        BackupError: it is none, or was not finished.
    """
    try:
        told = json.loads((directory / MARK).read_text())
        if told.pop("format") != _FORMAT:
            raise BackupError(f"{directory} was made by a later version of Skyferry.")
        return Made(**{**told, "damaged": tuple(told["damaged"])})
    except FileNotFoundError:
        raise BackupError(f"{directory} is no backup, or one that was not finished: {MARK} is missing.") from None
    except (KeyError, TypeError, ValueError):
        raise BackupError(f"{directory / MARK} cannot be understood.") from None


def _names_below(objects: Path) -> list[str]:
    found = [path for folder in ("ota", "archive") for path in (objects / folder).rglob("*") if path.is_file()]
    return sorted(str(path.relative_to(objects)) for path in found)


def _copy_blob(name: str, source: DataDir, copied: DataDir, pace: Pace, damaged: set[str]) -> bool:
    try:
        digest = copy_file(source.objects / name, copied.objects / name, pace)
    except FileNotFoundError:
        return False
    if name.startswith("ota/") and not name.endswith(digest):
        damaged.add(name)
    return True


def _have(file: FileRecord, source: DataDir, copied: DataDir, pace: Pace, damaged: set[str]) -> bool:
    return (copied.objects / file.name).is_file() or _copy_blob(file.name, source, copied, pace, damaged)


def _remove_unknown(copied: DataDir, known: set[str]) -> None:
    for name in _names_below(copied.objects):
        if name not in known:
            (copied.objects / name).unlink()
    for folder in sorted(copied.objects.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            shutil.rmtree(folder)


def ask(database: Path, work: Callable[[Connection], T]) -> T:
    """Runs the work on a SQLite database that no server uses.

    Raises:
        sqlalchemy.exc.DBAPIError: the database cannot be read.
    """
    return asyncio.run(_ask(database, work))


async def _ask(database: Path, work: Callable[[Connection], T]) -> T:
    store = Store(str(database))
    try:
        return await store.write(work)
    finally:
        await store.close()
