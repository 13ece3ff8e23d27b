"""`skyferry account`: accounts, instances, RAM users, access keys and policies. Works while the server runs.

A running server takes changes over within a second or two.
"""

import asyncio
import json
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
from skyferry.fleet import accounts
from skyferry.fleet.accounts import AccountError, NewKey
from skyferry.keys import KeyFileError, KeyRing, SecretBox
from skyferry.settings import Settings
from skyferry.store import accounts as statements
from skyferry.store.engine import Store

app = typer.Typer(help="Accounts, instances, RAM users, access keys and policies.", no_args_is_help=True)
instance_app = typer.Typer(help="Instances of an account.", no_args_is_help=True)
user_app = typer.Typer(help="RAM users of an account.", no_args_is_help=True)
key_app = typer.Typer(help="Access keys of an account and its RAM users.", no_args_is_help=True)
policy_app = typer.Typer(help="Policies: what RAM users may do.", no_args_is_help=True)
app.add_typer(instance_app, name="instance")
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")
app.add_typer(policy_app, name="policy")

Directory = Annotated[Path, typer.Option(envvar="SKYFERRY_DATA_DIR", help="The server's data directory.")]
Database = Annotated[
    str | None, typer.Option(envvar="SKYFERRY_DATABASE", help="The database, where it is not in the data directory.")
]
Account = Annotated[str, typer.Option("--account", help="The account's name.")]
Instance = Annotated[str, typer.Argument(help="The IotInstanceId.")]
User = Annotated[str, typer.Argument(help="The RAM user's name.")]
KeyId = Annotated[str, typer.Argument(metavar="ACCESS_KEY_ID")]
Policy = Annotated[str, typer.Argument(help="The policy's name.")]

DEFAULT_DATA_DIR: Final[Path] = Settings.model_fields["data_dir"].default

T = TypeVar("T")
Work = Callable[[Connection, SecretBox], T]


@app.command("create")
def create_account(
    name: Annotated[str, typer.Argument(help="The account's name.")],
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Make an account with its default instance and an access key, which is shown this once."""

    def work(tx: Connection, box: SecretBox) -> NewKey:
        account = accounts.create_account(tx, box, name, now_ms=_now())
        return accounts.create_key(tx, box, account, user=None, now_ms=_now())

    _show_key(_run(data_dir, database, work))


@app.command("list")
def list_accounts(data_dir: Directory = DEFAULT_DATA_DIR, database: Database = None) -> None:
    """List the accounts."""
    found = _run(data_dir, database, lambda tx, _: statements.all_accounts(tx))
    _show(("Name", "UID", "Created"), ((item.name, item.uid, _time(item.created_at)) for item in found))


@instance_app.command("create")
def create_instance(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Make an instance and print its IotInstanceId."""

    def work(tx: Connection, box: SecretBox) -> str:
        return accounts.create_instance(tx, box, accounts.account_named(tx, account), now_ms=_now())

    typer.echo(_run(data_dir, database, work))


@instance_app.command("list")
def list_instances(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the instances of an account."""
    found = _run(data_dir, database, lambda tx, _: statements.instances_of(tx, accounts.account_named(tx, account).id))
    _show(
        ("IotInstanceId", "Default", "cancel_by_device", "Created"),
        ((item.name, _yes(item.is_default), item.cancel_by_device, _time(item.created_at)) for item in found),
    )


@instance_app.command("set")
def set_instance(
    instance: Instance,
    cancel_by_device: Annotated[str, typer.Option(help="pending: only tasks that have not begun; open: any open one.")],
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Set which tasks CancelOTATaskByDevice may cancel in an instance."""

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.set_cancel_by_device(tx, accounts.account_named(tx, account), instance, cancel_by_device)

    _run(data_dir, database, work)


@user_app.command("create")
def create_user(
    name: User, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Make a RAM user. Attach a policy to it, and make a key for it."""

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.create_user(tx, accounts.account_named(tx, account), name, now_ms=_now())

    _run(data_dir, database, work)


@user_app.command("list")
def list_users(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the RAM users of an account with their policies."""

    def work(tx: Connection, _: SecretBox) -> list[tuple[str, str, str]]:
        users = statements.users_of(tx, accounts.account_named(tx, account).id)
        return [(user.name, _policies_of(tx, user.id), _time(user.created_at)) for user in users]

    _show(("Name", "Policies", "Created"), _run(data_dir, database, work))


@user_app.command("delete")
def delete_user(
    name: User, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Remove a RAM user and its access keys."""

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.delete_user(tx, accounts.account_named(tx, account), name)

    _run(data_dir, database, work)


@key_app.command("create")
def create_key(
    data_dir: Directory = DEFAULT_DATA_DIR,
    user: Annotated[str | None, typer.Option(help="The RAM user; without it the key is the account's own.")] = None,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Make an access key. Its secret is shown this once."""

    def work(tx: Connection, box: SecretBox) -> NewKey:
        return accounts.create_key(tx, box, accounts.account_named(tx, account), user=user, now_ms=_now())

    _show_key(_run(data_dir, database, work))


@key_app.command("list")
def list_keys(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the access keys of an account and its RAM users, without their secrets."""

    def work(tx: Connection, _: SecretBox) -> list[tuple[str, str, str, str]]:
        owner = accounts.account_named(tx, account)
        names = {user.id: user.name for user in statements.users_of(tx, owner.id)}
        return [
            (
                key.access_key_id,
                accounts.ROOT if key.ram_user_id is None else names[key.ram_user_id],
                _yes(key.active),
                _time(key.created_at),
            )
            for key in statements.keys_of(tx, owner.id)
        ]

    _show(("AccessKeyId", "User", "Active", "Created"), _run(data_dir, database, work))


@key_app.command("activate")
def activate_key(
    key: KeyId, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Make an access key valid again."""
    _set_active(key, account, data_dir, database, active=True)


@key_app.command("deactivate")
def deactivate_key(
    key: KeyId, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Make an access key invalid, but keep it."""
    _set_active(key, account, data_dir, database, active=False)


@key_app.command("delete")
def delete_key(
    key: KeyId, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Remove an access key."""

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.delete_key(tx, accounts.account_named(tx, account), key)

    _run(data_dir, database, work)


@policy_app.command("put")
def put_policy(
    name: Policy,
    file: Annotated[typer.FileText, typer.Argument(help="The policy document (JSON); - reads standard input.")],
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Store a policy, or replace its document."""
    try:
        document = json.load(file)
    except ValueError as problem:
        _fail(f"The policy document is not JSON: {problem}.")

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.put_policy(tx, accounts.account_named(tx, account), name, document, now_ms=_now())

    _run(data_dir, database, work)


@policy_app.command("list")
def list_policies(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the policies of an account and the pre-made ones."""

    def work(tx: Connection, _: SecretBox) -> dict[str, object]:
        own = statements.policies_of(tx, accounts.account_named(tx, account).id)
        return {policy.name: policy.document for policy in own}

    documents = {**_run(data_dir, database, work), **accounts.BUILT_IN_POLICIES}
    _show(
        ("Name", "Pre-made", "Document"),
        (
            (name, _yes(name in accounts.BUILT_IN_POLICIES), json.dumps(document))
            for name, document in documents.items()
        ),
    )


@policy_app.command("attach")
def attach_policy(
    name: Policy,
    user: User,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Attach a policy to a RAM user."""

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.attach_policy(tx, accounts.account_named(tx, account), name, user, now_ms=_now())

    _run(data_dir, database, work)


@policy_app.command("detach")
def detach_policy(
    name: Policy,
    user: User,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Detach a policy from a RAM user."""

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.detach_policy(tx, accounts.account_named(tx, account), name, user)

    _run(data_dir, database, work)


@policy_app.command("delete")
def delete_policy(
    name: Policy, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Remove a policy that is attached to no one."""

    def work(tx: Connection, _: SecretBox) -> None:
        accounts.delete_policy(tx, accounts.account_named(tx, account), name)

    _run(data_dir, database, work)


def _set_active(key: str, account: str, data_dir: Path, database: str | None, *, active: bool) -> None:
    def work(tx: Connection, _: SecretBox) -> None:
        accounts.set_key_active(tx, accounts.account_named(tx, account), key, active=active)

    _run(data_dir, database, work)


def _run(data_dir: Path, database: str | None, work: Work[T]) -> T:
    """Runs the work in one transaction; what goes wrong becomes a sentence and exit code 2."""
    directory = DataDir(data_dir)
    if not directory.key.is_file():
        _fail(f"{data_dir} is not a data directory yet: start skyferry serve --data-dir {data_dir} once.")
    try:
        box = SecretBox(KeyRing.load_or_create(directory.key).derive("secrets"))
        return asyncio.run(_transaction(Store(database or str(directory.database)), work, box))
    except (AccountError, KeyFileError, ValueError) as problem:
        _fail(str(problem))
    except (OperationalError, ProgrammingError) as problem:
        _fail(_database_sentence(problem))
    except OSError as problem:
        _fail(f"The database cannot be reached: {problem}.")


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


def _fail(sentence: str) -> NoReturn:
    typer.secho(sentence, err=True, fg=typer.colors.RED)
    raise typer.Exit(2)


def _policies_of(tx: Connection, user_id: int) -> str:
    return ", ".join(policy.name for policy in statements.policies_of_user(tx, user_id))


def _show_key(key: NewKey) -> None:
    typer.echo(f"AccessKeyId: {key.access_key_id}\nAccessKeySecret: {key.secret}")


def _show(titles: Iterable[str], lines: Iterable[Iterable[str]]) -> None:
    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*line)
    Console().print(table)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _now() -> int:
    return SystemClock().now_ms()
