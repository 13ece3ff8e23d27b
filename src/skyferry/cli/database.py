"""What commands share that work on a data directory themselves, beside a running server or without one."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from skyferry.clock import SystemClock
from skyferry.datadir import DataDir
from skyferry.errors import ApiError
from skyferry.fleet.accounts import AccountError
from skyferry.keys import KeyFileError, KeyRing, SecretBox
from skyferry.settings import Settings
from skyferry.store.engine import Store

Directory = Annotated[Path, typer.Option(envvar="SKYFERRY_DATA_DIR", help="The server's data directory.")]
Database = Annotated[
    str | None, typer.Option(envvar="SKYFERRY_DATABASE", help="The database, where it is not in the data directory.")
]
Account = Annotated[str, typer.Option("--account", help="The account's name.")]

DEFAULT_DATA_DIR: Final[Path] = Settings.model_fields["data_dir"].default

T = TypeVar("T")
Work = Callable[[Connection, SecretBox], T]


def run(data_dir: Path, database: str | None, work: Work[T]) -> T:
    """Runs the work in one transaction; what goes wrong becomes a sentence and exit code 2."""
    directory = DataDir(data_dir)
    if not directory.key.is_file():
        fail(f"{data_dir} is not a data directory yet: start skyferry serve --data-dir {data_dir} once.")
    try:
        box = SecretBox(KeyRing.load_or_create(directory.key).derive("secrets"))
        return asyncio.run(_transaction(Store(database or str(directory.database)), work, box))
    except (AccountError, ApiError, KeyFileError, ValueError) as problem:
        fail(problem.text if isinstance(problem, ApiError) else str(problem))
    except (OperationalError, ProgrammingError) as problem:
        fail(_database_sentence(problem))
    except OSError as problem:
        fail(f"The database cannot be reached: {problem}.")


async def _transaction(store: Store, work: Work[T], box: SecretBox) -> T:
    try:
        return await store.write(work, box)
    finally:
        await store.close()


def _database_sentence(problem: DBAPIError) -> str:
    text = str(problem.orig)
    if "no such table" in text or "does not exist" in text:
        return "The database has no tables yet: start skyferry serve once."
    return f"The database refused: {text}."


def fail(sentence: str) -> NoReturn:
    """Ends the command with a sentence and exit code 2."""
    typer.secho(sentence, err=True, fg=typer.colors.RED)
    raise typer.Exit(2)


def show(titles: Iterable[str], lines: Iterable[Iterable[str]]) -> None:
    """Prints a table."""
    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*line)
    Console().print(table)


def yes(value: bool) -> str:
    """`yes` or `no`."""
    return "yes" if value else "no"


def time(milliseconds: int) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def now() -> int:
    """Milliseconds since the Unix epoch."""
    return SystemClock().now_ms()
