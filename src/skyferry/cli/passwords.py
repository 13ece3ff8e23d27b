"""`skyferry account password`: who may sign in to the console."""

from typing import Annotated

import typer
from sqlalchemy import Connection

from skyferry.cli.database import DEFAULT_DATA_DIR, Account, Database, Directory, Target, change, fail, now
from skyferry.fleet import accounts, people
from skyferry.fleet.accounts import AccountError
from skyferry.keys import SecretBox
from skyferry.store.accounts import AccountRecord

app = typer.Typer(help="Passwords for the console.", no_args_is_help=True)

User = Annotated[str | None, typer.Option(help="The RAM user; without it the account itself signs in.")]


@app.command("set")
def set_password(
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
    user: User = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Let a person sign in with a password; it is asked for, twice. Sessions that began with another one end."""
    try:
        digest = people.hash_password(password)
    except AccountError as problem:
        fail(str(problem))

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        people.set_password(tx, owner, user, digest, now=now())

    change(Target(data_dir, database, account), "account password set", {"User": user or accounts.ROOT}, work)


@app.command("remove")
def remove_password(
    user: User = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Let a person sign in no more; their sessions end."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        people.remove_password(tx, owner, user)

    change(Target(data_dir, database, account), "account password remove", {"User": user or accounts.ROOT}, work)


@app.command("stop-codes")
def stop_codes(
    user: User = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Let a person who has lost the authenticator sign in with the password alone."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        people.stop_codes(tx, owner, user)

    change(Target(data_dir, database, account), "account password stop-codes", {"User": user or accounts.ROOT}, work)
