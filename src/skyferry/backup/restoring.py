"""Checks a backup, and makes a data directory of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from skyferry.backup.copying import Pace, copy_file, digest_of
from skyferry.backup.making import MARK, BackupError, ask, read_mark
from skyferry.cluster.installation import check_key
from skyferry.datadir import DataDir
from skyferry.keys import KeyFileError, KeyRing
from skyferry.store import backups

_MOST_FAULTS: Final = 20


def check(directory: Path) -> Sequence[str]:
    """What is wrong with a backup: nothing, when a server can be made of it.

    Looks at every page of the database and every byte of the files, and tries the key. Writes nothing that is not there
    already.

    Raises:
        BackupError: it is no backup at all.
        OSError: something cannot be read.
    """
    made = read_mark(directory)
    return check_data(DataDir(directory), with_files=made.with_files)


def check_data(data: DataDir, *, with_files: bool) -> Sequence[str]:
    """The same of a data directory whose server does not run.

    Raises:
        OSError: something cannot be read.
    """
    if not data.database.is_file():
        return [f"{data.database} is missing."]
    found = [f"The database is damaged: {fault}" for fault in ask(data.database, backups.faults)]
    if found:
        return found[:_MOST_FAULTS]
    try:
        ring = KeyRing.load(data.key)
        ask(data.database, lambda tx: check_key(tx, ring, data.key))
    except KeyFileError as error:
        found.append(str(error))
    named = ask(data.database, backups.files) if with_files else ()
    for file in named:
        path = data.objects / file.name
        if not path.is_file():
            found.append(f"{path} is missing.")
        elif path.stat().st_size != file.size or (file.sha256 is not None and digest_of(path) != file.sha256):
            found.append(f"{path} is damaged.")
        if len(found) >= _MOST_FAULTS:
            break
    return found


def restore(directory: Path, data_dir: Path, pace: Pace) -> Sequence[str]:
    """Makes a data directory of a backup, and checks it.

    Args:
        directory: the backup, which stays as it is.
        data_dir: the data directory, empty or not there yet.
        pace: how fast.

    Returns:
        What is wrong with it.

    Raises:
        BackupError: it is no backup, or the data directory is in use.
        OSError: something cannot be read or written.
    """
    made = read_mark(directory)
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise BackupError(f"{data_dir} is not empty: a backup goes into a data directory that is not there yet.")
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_file() and str(name) != MARK:
            copy_file(path, data_dir / name, pace)
    return check_data(DataDir(data_dir), with_files=made.with_files)
