"""`skyferry account`: accounts, instances, RAM users, access keys, policies and roles. Works while the server runs.

A running server takes changes over within a second or two.
"""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from skyferry.cli import passwords, policies, roles
from skyferry.cli.database import (
    DEFAULT_DATA_DIR,
    Account,
    Database,
    Directory,
    Target,
    change,
    now,
    run,
    show,
    time,
    write_down,
    yes,
)
from skyferry.fleet import accounts
from skyferry.fleet.accounts import NewKey
from skyferry.keys import SecretBox
from skyferry.store import accounts as statements
from skyferry.store import policies as attachments
from skyferry.store.accounts import AccountRecord

app = typer.Typer(help="Accounts, instances, RAM users, access keys, policies and roles.", no_args_is_help=True)
instance_app = typer.Typer(help="Instances of an account.", no_args_is_help=True)
user_app = typer.Typer(help="RAM users of an account.", no_args_is_help=True)
key_app = typer.Typer(help="Access keys of an account and its RAM users.", no_args_is_help=True)
app.add_typer(instance_app, name="instance")
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")
app.add_typer(passwords.app, name="password")
app.add_typer(policies.app, name="policy")
app.add_typer(roles.app, name="role")
app.command("assume-role")(roles.assume_role)

Instance = Annotated[str, typer.Argument(help="The IotInstanceId.")]
User = Annotated[str, typer.Argument(help="The RAM user's name.")]
KeyId = Annotated[str, typer.Argument(metavar="ACCESS_KEY_ID")]


@app.command("create")
def create_account(
    name: Annotated[str, typer.Argument(help="The account's name.")],
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Make an account with its default instance and an access key, which is shown this once."""

    def work(tx: Connection, box: SecretBox) -> NewKey:
        account = accounts.create_account(tx, box, name, now_ms=now())
        write_down(tx, account, "account create", {"Name": name})
        return accounts.create_key(tx, box, account, user=None, now_ms=now())

    _show_key(run(data_dir, database, work))


@app.command("list")
def list_accounts(data_dir: Directory = DEFAULT_DATA_DIR, database: Database = None) -> None:
    """List the accounts."""
    found = run(data_dir, database, lambda tx, _: statements.all_accounts(tx))
    show(("Name", "UID", "Created"), ((item.name, item.uid, time(item.created_at)) for item in found))


@instance_app.command("create")
def create_instance(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Make an instance and print its IotInstanceId."""

    def work(tx: Connection, box: SecretBox, owner: AccountRecord) -> str:
        return accounts.create_instance(tx, box, owner, now_ms=now())

    typer.echo(change(Target(data_dir, database, account), "account instance create", {}, work))


@instance_app.command("list")
def list_instances(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the instances of an account."""
    found = run(data_dir, database, lambda tx, _: statements.instances_of(tx, accounts.account_named(tx, account).id))
    show(
        ("IotInstanceId", "Default", "cancel_by_device", "Created"),
        ((item.name, yes(item.is_default), item.cancel_by_device, time(item.created_at)) for item in found),
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

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        accounts.set_cancel_by_device(tx, owner, instance, cancel_by_device)

    parameters = {"Instance": instance, "CancelByDevice": cancel_by_device}
    change(Target(data_dir, database, account), "account instance set", parameters, work)


@instance_app.command("rename")
def rename_instance(
    instance: Instance,
    new_id: Annotated[str, typer.Argument(help="The IotInstanceId that applications send.")],
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Give an instance another IotInstanceId, such as the one that applications know from the original platform."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        accounts.rename_instance(tx, owner, instance, new_id)

    parameters = {"Instance": instance, "NewId": new_id}
    change(Target(data_dir, database, account), "account instance rename", parameters, work)


@user_app.command("create")
def create_user(
    name: User, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Make a RAM user. Attach a policy to it, and make a key for it."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        accounts.create_user(tx, owner, name, now_ms=now())

    change(Target(data_dir, database, account), "account user create", {"Name": name}, work)


@user_app.command("list")
def list_users(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the RAM users of an account with their policies."""

    def work(tx: Connection, _: SecretBox) -> list[tuple[str, str, str]]:
        users = statements.users_of(tx, accounts.account_named(tx, account).id)
        return [(user.name, _policies_of(tx, user.id), time(user.created_at)) for user in users]

    show(("Name", "Policies", "Created"), run(data_dir, database, work))


@user_app.command("delete")
def delete_user(
    name: User, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Remove a RAM user and its access keys."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        accounts.delete_user(tx, owner, name)

    change(Target(data_dir, database, account), "account user delete", {"Name": name}, work)


@key_app.command("create")
def create_key(
    data_dir: Directory = DEFAULT_DATA_DIR,
    user: Annotated[str | None, typer.Option(help="The RAM user; without it the key is the account's own.")] = None,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Make an access key. Its secret is shown this once."""

    def work(tx: Connection, box: SecretBox, owner: AccountRecord) -> NewKey:
        return accounts.create_key(tx, box, owner, user=user, now_ms=now())

    _show_key(change(Target(data_dir, database, account), "account key create", {"User": user or accounts.ROOT}, work))


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
                yes(key.active),
                time(key.created_at),
            )
            for key in statements.keys_of(tx, owner.id)
        ]

    show(("AccessKeyId", "User", "Active", "Created"), run(data_dir, database, work))


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

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        accounts.delete_key(tx, owner, key)

    change(Target(data_dir, database, account), "account key delete", {"AccessKeyId": key}, work)


def _set_active(key: str, account: str, data_dir: Path, database: str | None, *, active: bool) -> None:
    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        accounts.set_key_active(tx, owner, key, active=active)

    action = "account key activate" if active else "account key deactivate"
    change(Target(data_dir, database, account), action, {"AccessKeyId": key}, work)


def _policies_of(tx: Connection, user_id: int) -> str:
    return ", ".join(policy.name for policy in attachments.policies_of_user(tx, user_id))


def _show_key(key: NewKey) -> None:
    typer.echo(f"AccessKeyId: {key.access_key_id}\nAccessKeySecret: {key.secret}")
