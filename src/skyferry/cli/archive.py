"""`skyferry archive`: tasks of old jobs, which are in the database no more."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from skyferry.cli.database import DEFAULT_DATA_DIR, Database, Directory, fail, run, server_settings, show, time
from skyferry.cli.objects import opened
from skyferry.ota import archives
from skyferry.store import archives as statements
from skyferry.store.archives import ArchiveRecord

app = typer.Typer(help="Tasks of old jobs, which are in the database no more.", no_args_is_help=True)

Job = Annotated[str, typer.Argument(metavar="JOB_ID")]
Config = Annotated[Path | None, typer.Option(help="The server's TOML file, where package files are in a bucket.")]


@app.command("list")
def list_files(job_id: Job, *, data_dir: Directory = DEFAULT_DATA_DIR, database: Database = None) -> None:
    """Show the files in the object store that hold tasks of a job."""
    found = _files(job_id, data_dir, database)
    show(
        ("File", "Tasks", "Bytes", "Archived"),
        ((item.name, str(item.tasks), str(item.bytes), time(item.archived_at)) for item in found),
    )


@app.command("show")
def show_tasks(
    job_id: Job, *, config: Config = None, data_dir: Directory = DEFAULT_DATA_DIR, database: Database = None
) -> None:
    """Print the archived tasks of a job with what happened to them, a JSON object on a line for each."""
    found = _files(job_id, data_dir, database)
    try:
        asyncio.run(_print(found, config, data_dir))
    except FileNotFoundError as problem:
        fail(f"A file of the archive is gone: {problem}")
    except (OSError, ValueError) as problem:
        fail(str(problem))


def _files(job_id: str, data_dir: Path, database: str | None) -> Sequence[ArchiveRecord]:
    found = run(data_dir, database, lambda tx, _: statements.of_job_named(tx, job_id))
    if not found:
        fail(f"No tasks of a job {job_id} are in the archive.")
    return found


async def _print(found: Sequence[ArchiveRecord], config: Path | None, data_dir: Path) -> None:
    async with opened(server_settings(config, data_dir=data_dir)) as objects:
        for record in found:
            reader = await objects.open(record.name)
            try:
                content = b"".join([block async for block in reader.blocks(0, reader.size)])
            finally:
                await reader.close()
            for line in archives.unpacked(content):
                typer.echo(line)
