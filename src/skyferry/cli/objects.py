"""`skyferry objects`: the files in the object store, beside a running server or without one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from skyferry import configuration
from skyferry.backup import verifying
from skyferry.cli.database import DEFAULT_DATA_DIR, Database, Directory, fail, key_ring, run, server_settings
from skyferry.datadir import DataDir
from skyferry.objects.interface import ObjectStore
from skyferry.settings import Settings
from skyferry.store import backups
from skyferry.store.backups import FileRecord

app = typer.Typer(help="Package files and archives in the object store.", no_args_is_help=True)

Config = Annotated[Path | None, typer.Option(help="The server's TOML file, where package files are in a bucket.")]


@app.callback()
def _objects() -> None:
    """Lets a single command have its name."""


@app.command("check")
def check(
    *,
    digests: Annotated[bool, typer.Option("--digests", help="Read every byte, not only the sizes.")] = False,
    config: Config = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """See whether every file that the database names is in the object store; exit code 1 when one is not."""
    given = {"data_dir": data_dir} if config is None else {}
    chosen = server_settings(config, **given, **({"database": database} if database else {}))
    named = _named(chosen)
    try:
        found = asyncio.run(_damaged(chosen, named, digests=digests))
    except (OSError, ValueError) as problem:
        fail(f"The object store cannot be read: {problem}")
    if found:
        still_named = set(_named(chosen))  # a package may have been deleted meanwhile
        found = [(file, fault) for file, fault in found if file in still_named]
    for _, fault in found:
        typer.secho(fault, err=True, fg=typer.colors.RED)
    if found:
        typer.secho(f"{len(found)} of {len(named)} files: put them back, or delete their packages.", err=True)
        raise typer.Exit(1)
    typer.echo(f"{len(named)} files, all there" + (" and whole." if digests else "."))


def _named(chosen: Settings) -> Sequence[FileRecord]:
    return run(chosen.data_dir, chosen.database, lambda tx, _: backups.files(tx))


async def _damaged(chosen: Settings, named: Sequence[FileRecord], *, digests: bool) -> Sequence[tuple[FileRecord, str]]:
    async with opened(chosen) as objects:
        return [found async for found in verifying.damaged(objects, named, digests=digests)]


@asynccontextmanager
async def opened(chosen: Settings) -> AsyncIterator[ObjectStore]:
    """The object store of these settings.

    Raises:
        OSError: it cannot be used.
        ValueError: its URL cannot be understood.
    """
    owner = key_ring(chosen.data_dir).derive("objects").hex()
    objects = configuration.object_store(chosen, DataDir(chosen.data_dir), owner=owner)
    await objects.start()
    try:
        yield objects
    finally:
        await objects.close()
