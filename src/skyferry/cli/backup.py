"""`skyferry backup` and `skyferry restore`: a copy of everything that a server on SQLite keeps."""

import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from skyferry import settings
from skyferry.backup import making, restoring
from skyferry.backup.copying import Pace
from skyferry.backup.making import BackupError
from skyferry.cli.database import DEFAULT_DATA_DIR, Database, Directory, fail, key_file, now
from skyferry.datadir import DataDir
from skyferry.store.engine import Store

T = TypeVar("T")

Rate = Annotated[
    int | None, typer.Option("--bytes-per-second", min=10_000, help="How fast it goes at most; no limit when absent.")
]


def backup(
    directory: Annotated[Path, typer.Argument(help="Where the backup goes; not there yet, or empty.")],
    *,
    bytes_per_second: Rate = None,
    config: Annotated[Path | None, typer.Option(help="The server's TOML file, if it has one.")] = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Copy database, package files, key and certificates while the server runs (SQLite)."""
    try:
        chosen = settings.load(config, data_dir=data_dir if config is None else None, database=database)
    except (ValidationError, OSError, ValueError) as error:
        fail(f"A setting is not right: {error}")
    data = DataDir(chosen.data_dir)
    file = _sqlite_file(chosen.database) or data.database
    with_files = chosen.objects is None
    key = chosen.key_file or key_file(data.path)
    pace = Pace(bytes_per_second)
    made = _result(lambda: making.make(data, key, file, directory, pace, with_files=with_files, now_ms=now()))
    place = f"{made.files} files" if with_files else f"{made.files} files stay in the bucket: back it up as well"
    typer.echo(f"{directory}: {made.bytes} bytes; {place}.")
    _tell([f"{name} is damaged: upload the package anew." for name in made.damaged])


def restore(
    directory: Annotated[Path, typer.Argument(help="The backup.")],
    *,
    only_check: Annotated[bool, typer.Option("--check", help="Only see whether the backup is whole.")] = False,
    bytes_per_second: Rate = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
) -> None:
    """Make a data directory of a backup, or see whether one could be made; then start the server on it."""
    if only_check:
        _tell(_result(lambda: restoring.check(directory)))
        typer.echo(f"{directory} is whole.")
        return
    _tell(_result(lambda: restoring.restore(directory, data_dir, Pace(bytes_per_second))))
    typer.echo(f"{data_dir} is as the server was: start skyferry serve --data-dir {data_dir}.")


def _sqlite_file(database: str | None) -> Path | None:
    if database is None:
        return None
    if "://" in database and not database.startswith("sqlite"):
        fail("This is for SQLite: docs/guide/backup.md says how a server on PostgreSQL is backed up by pg_dump.")
    return Path(Store(database).url.database or "")


def _result(work: Callable[[], T]) -> T:
    try:
        return work()
    except BackupError as error:
        fail(str(error))
    except (sqlite3.Error, DBAPIError) as error:
        fail(f"The database cannot be read or copied: {error}.")
    except OSError as error:
        fail(f"{error.filename or 'A file'}: {os.strerror(error.errno) if error.errno else error}.")


def _tell(faults: Sequence[str]) -> None:
    for fault in faults:
        typer.secho(fault, err=True, fg=typer.colors.RED)
    if faults:
        raise typer.Exit(1)
