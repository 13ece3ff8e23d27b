"""`skyferry db move`: takes an installation from SQLite to PostgreSQL (docs/guide/postgresql.md)."""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import asyncpg
import typer
from rich.console import Console
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from skyferry import configuration
from skyferry.cli.database import fail, key_ring, server_settings
from skyferry.cli.db_progress import StepProgress
from skyferry.datadir import DataDir, DataDirError, DataDirLock
from skyferry.objects.copying import DamagedBlobError, copy_blob
from skyferry.objects.interface import ObjectStore
from skyferry.objects.local import LocalObjectStore
from skyferry.settings import Settings
from skyferry.store.transfer import moving
from skyferry.store.transfer.errors import MoveError
from skyferry.store.transfer.source import Source

app = typer.Typer(help="The database (docs/guide/postgresql.md).", no_args_is_help=True)

_INCOMPLETE: Final = 1


@dataclass(frozen=True, slots=True)
class _Moved:
    """What was moved.

    Attributes:
        rows: the number of rows by table.
        files: how many files of packages and archives are in the bucket; None where they stay in the data directory.
        missing: why others could not be copied.
    """

    rows: Mapping[str, int]
    files: int | None
    missing: Sequence[str]


@app.callback()
def db() -> None:
    """The database (docs/guide/postgresql.md)."""


@app.command("move")
def move(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE_DATA_DIR", help="The data directory of a stopped server with SQLite.")
    ],
    *,
    database: Annotated[
        str | None, typer.Option(metavar="URL", help="postgresql://USER@HOST/NAME: an empty database.")
    ] = None,
    objects: Annotated[
        str | None,
        typer.Option(metavar="URL", help="s3://BUCKET/PREFIX: copy the package files there; without it they stay."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="The server's TOML file with settings.")] = None,
) -> None:
    """Copy all data of a stopped server from SQLite into an empty PostgreSQL database, and compare both.

    Everything arrives or nothing does; the source stays as it is. Run it again when it was interrupted.
    """
    chosen = server_settings(config, data_dir=source, database=database, objects=objects)
    directory = DataDir(source)
    if not directory.database.is_file():
        fail(f"There is no database {directory.database}: name the data directory of a server that uses SQLite.")
    try:
        with DataDirLock(directory), Source(directory.database) as opened, StepProgress(Console(stderr=True)) as bars:
            moved = asyncio.run(_move(opened, chosen, bars))
    except DataDirError as problem:
        fail(f"{problem} Stop it first.")
    except (MoveError, ValueError, OSError) as problem:
        fail(str(problem) or "The database does not answer.")
    except sqlite3.Error as problem:
        fail(f"The database {directory.database} cannot be read, and nothing was moved: {problem}.")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as problem:
        cause = problem.orig if isinstance(problem, DBAPIError) else problem
        fail(f"The database refused, and nothing was moved: {str(cause).rstrip('.')}.")
    _tell(Console(), chosen, moved)
    if moved.missing:
        raise typer.Exit(_INCOMPLETE)


async def _move(source: Source, chosen: Settings, progress: StepProgress) -> _Moved:
    """Files first: they are harmless where the rows do not follow, and are not copied again."""
    url = chosen.database or ""
    await moving.look(url)
    files, missing = await _copy_files(source, chosen, progress) if chosen.objects_bucket else (None, [])
    return _Moved(await moving.move(source, url, progress), files, missing)


async def _copy_files(source: Source, chosen: Settings, progress: StepProgress) -> tuple[int, list[str]]:
    directory = DataDir(chosen.data_dir)
    owner = key_ring(chosen.data_dir).derive("objects").hex()
    local, bucket = LocalObjectStore(directory.objects), configuration.object_store(chosen, directory, owner=owner)
    await bucket.start()
    try:
        return await _copy_all(source, local, bucket, progress)
    finally:
        await bucket.close()


async def _copy_all(
    source: Source, local: ObjectStore, bucket: ObjectStore, progress: StepProgress
) -> tuple[int, list[str]]:
    copied, missing = 0, []
    names = list(source.blobs())
    progress.begin("Files", len(names))
    for name in names:
        try:
            await copy_blob(local, bucket, name)
            copied += 1
        except FileNotFoundError:
            missing.append(f"The file {name} is not in {DataDir(source.path.parent).objects}.")
        except DamagedBlobError as problem:
            missing.append(str(problem))
        progress.advance(1, "packages and archives")
    return copied, missing


def _tell(console: Console, chosen: Settings, moved: _Moved) -> None:
    """What was moved, and what is not in the database."""
    directory = DataDir(chosen.data_dir)
    key_file = chosen.key_file or directory.key
    tables = sum(number > 0 for number in moved.rows.values())
    _say(console, f"{sum(moved.rows.values())} rows in {tables} tables: the same on both sides.", "green")
    if moved.files is not None:
        _say(console, f"{moved.files} files of packages and archives are in {chosen.objects}.")
    for problem in moved.missing:
        _say(console, problem, "yellow")
    _say(console, "Not in the database, and needed by the server:")
    _say(console, f"    {key_file}: the key that opens the secrets in the database. Every process needs this file.")
    if directory.tls.is_dir():
        _say(console, f"    {directory.tls}: certificates and their keys.")
    if moved.files is None:
        _say(console, f"    {directory.objects}: the files of packages and archives.")
    _say(console, "On this machine start skyferry serve with the same data directory and --database; on another one")
    _say(console, "copy these first. Do not start it without --database any more: the old data would come back.")


def _say(console: Console, sentence: str, style: str | None = None) -> None:
    console.print(Text(sentence), style=style, soft_wrap=True)
