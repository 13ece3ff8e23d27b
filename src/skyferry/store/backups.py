"""What a backup takes of the database: a copy of SQLite as it is at one moment, and which files belong to it."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, select, text

from skyferry.store.tables import objects, task_archives

_PAGES_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file in the object store that a row names.

    Attributes:
        name: its name there.
        size: its length in bytes.
        sha256: of its content; None when the name does not tell it.
    """

    name: str
    size: int
    sha256: str | None


def copy_database(source: Path, target: Path, copied: Callable[[int], None]) -> None:
    """Copies a SQLite database that others write to meanwhile, as it is when this begins.

    The transaction that is held while the pages are read keeps what they say at that moment, so writers neither wait
    nor make the copy begin anew; their log grows until the end.

    Args:
        source: the database.
        target: where the copy goes.
        copied: is told the bytes of each step, and may take its time.

    Raises:
        sqlite3.Error: one of the two cannot be read or written.
    """
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reader:
        reader.isolation_level = None
        reader.execute("BEGIN")
        page_bytes = reader.execute("PRAGMA page_size").fetchone()[0]
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        last_rest = 0

        def step(_status: int, rest: int, total: int) -> None:
            nonlocal last_rest
            before = last_rest or total
            last_rest = rest
            copied((before - rest) * page_bytes)

        with closing(sqlite3.connect(target)) as writer:
            reader.backup(writer, pages=_PAGES_AT_ONCE, progress=step)


def faults(tx: Connection) -> Sequence[str]:
    """What is wrong with the database itself; nothing when it is whole."""
    found = tx.execute(text("PRAGMA integrity_check")).scalars().all()
    return [] if found == ["ok"] else [str(line) for line in found]


def files(tx: Connection) -> Sequence[FileRecord]:
    """All files that rows name."""
    uploaded = tx.execute(select(objects.c.key, objects.c.sha256, objects.c.size).order_by(objects.c.key))
    found = [FileRecord(f"{key}.{sha256}", size, sha256) for key, sha256, size in uploaded]
    if inspect(tx).has_table(task_archives.name):  # a backup may be older than the table
        archived = tx.execute(select(task_archives.c.name, task_archives.c.bytes).order_by(task_archives.c.name))
        found += [FileRecord(name, size, None) for name, size in archived]
    return found
