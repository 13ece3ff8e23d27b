"""What commands share that work on a data directory themselves, beside a running server or without one."""

import asyncio
import os
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, NamedTuple, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from skyferry import settings
from skyferry.clock import SystemClock
from skyferry.cluster.installation import check_key
from skyferry.datadir import DataDir
from skyferry.errors import ApiError
from skyferry.fleet import accounts
from skyferry.fleet.accounts import AccountError
from skyferry.keys import KeyFileError, KeyRing, SecretBox
from skyferry.ram.audit import OK, AuditRecord
from skyferry.settings import Settings
from skyferry.store import audit
from skyferry.store.accounts import AccountRecord
from skyferry.store.engine import Store

Directory = Annotated[Path, typer.Option(envvar="SKYFERRY_DATA_DIR", help="The server's data directory.")]
Database = Annotated[
    str | None, typer.Option(envvar="SKYFERRY_DATABASE", help="The database, where it is not in the data directory.")
]
Account = Annotated[str, typer.Option("--account", help="The account's name.")]

DEFAULT_DATA_DIR: Final[Path] = Settings.model_fields["data_dir"].default

_CALLER: Final = "cli"

T = TypeVar("T")
Work = Callable[[Connection, SecretBox], T]
Change = Callable[[Connection, SecretBox, AccountRecord], T]


def run(data_dir: Path, database: str | None, work: Work[T]) -> T:
    """Runs the work in one transaction; what goes wrong becomes a sentence and exit code 2."""
    ring = key_ring(data_dir)
    try:
        store = Store(database or str(DataDir(data_dir).database), application="skyferry-command")
        return asyncio.run(_transaction(store, work, ring, data_dir))
    except (AccountError, ApiError, KeyFileError, ValueError) as problem:
        fail(problem.text if isinstance(problem, ApiError) else str(problem))
    except (OperationalError, ProgrammingError) as problem:
        fail(database_sentence(problem))
    except OSError as problem:
        fail(f"The database cannot be reached: {problem}.")


class Target(NamedTuple):
    """Which account of which server a command changes."""

    data_dir: Path
    database: str | None
    account: str


def change(target: Target, action: str, parameters: Mapping[str, str], work: Change[T]) -> T:
    """Runs work that changes something of an account, and writes down that it did.

    Args:
        target: what is changed.
        action: the command, without `skyferry`.
        parameters: what was given to the command, without secrets.
        work: gets the account besides.
    """

    def all_of_it(tx: Connection, box: SecretBox) -> T:
        account = accounts.account_named(tx, target.account)
        result = work(tx, box, account)
        write_down(tx, account, action, parameters)
        return result

    return run(target.data_dir, target.database, all_of_it)


def write_down(tx: Connection, account: AccountRecord, action: str, parameters: Mapping[str, str]) -> None:
    """Adds a command to the audit trail, in the transaction of the change."""
    record = AuditRecord(
        account_id=account.id,
        instance_id=None,
        at=now(),
        caller=_CALLER,
        access_key_id="",
        source_address="",
        action=action,
        parameters=parameters,
        request_id=str(uuid.uuid4()).upper(),
        outcome=OK,
    )
    audit.insert_records(tx, [record])


def key_ring(data_dir: Path) -> KeyRing:
    """The server's keys; a sentence and exit code 2 where there are none."""
    path = key_file(data_dir)
    if path == DataDir(data_dir).key and not path.is_file():
        fail(f"{data_dir} is not a data directory yet: start skyferry serve --data-dir {data_dir} once.")
    try:
        return KeyRing.load(path)
    except KeyFileError as problem:
        fail(str(problem))


def key_file(data_dir: Path) -> Path:
    """Where the master key of a data directory is."""
    named = os.environ.get("SKYFERRY_KEY_FILE")
    return Path(named) if named else DataDir(data_dir).key


async def _transaction(store: Store, work: Work[T], ring: KeyRing, data_dir: Path) -> T:
    try:
        await store.write(check_key, ring, key_file(data_dir))
        return await store.write(work, SecretBox(ring.derive("secrets")))
    finally:
        await store.close()


def server_settings(config: Path | None, **given: object) -> Settings:
    """The server's settings: file, environment and options; a sentence and exit code 2 where one is wrong."""
    try:
        return settings.load(config, **given)
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"The setting {'.'.join(map(str, first['loc']))} is not right: {first['msg']}.")
    except (OSError, ValueError) as error:
        fail(f"The settings cannot be used: {error}.")


def database_sentence(problem: DBAPIError) -> str:
    """What a failure of the database means to whoever gave the command."""
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
        table.add_row(*map(Text, line))  # as it is: rich would make a picture of `:ram:` in an ARN
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
