"""`skyferry account policy`: what RAM users and roles may do."""

import json
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from skyferry.cli.database import (
    DEFAULT_DATA_DIR,
    Account,
    Database,
    Directory,
    Target,
    change,
    fail,
    now,
    run,
    show,
    yes,
)
from skyferry.fleet import accounts, policies
from skyferry.keys import SecretBox
from skyferry.store import policies as statements
from skyferry.store.accounts import AccountRecord

app = typer.Typer(help="Policies: what RAM users and roles may do.", no_args_is_help=True)

Policy = Annotated[str, typer.Argument(help="The policy's name.")]
User = Annotated[str, typer.Argument(help="The RAM user's name.")]


@app.command("put")
def put_policy(
    name: Policy,
    file: Annotated[typer.FileText, typer.Argument(help="The policy document (JSON); - reads standard input.")],
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Store a policy, or replace its document."""
    document = read_document(file)

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        policies.put_policy(tx, owner, name, document, now_ms=now())

    change(
        Target(data_dir, database, account),
        "account policy put",
        {"Name": name, "Document": json.dumps(document)},
        work,
    )


@app.command("list")
def list_policies(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the policies of an account and the pre-made ones."""

    def work(tx: Connection, _: SecretBox) -> dict[str, object]:
        own = statements.policies_of(tx, accounts.account_named(tx, account).id)
        return {policy.name: policy.document for policy in own}

    documents = {**run(data_dir, database, work), **policies.BUILT_IN_POLICIES}
    show(
        ("Name", "Pre-made", "Document"),
        ((name, yes(name in policies.BUILT_IN_POLICIES), json.dumps(document)) for name, document in documents.items()),
    )


@app.command("attach")
def attach_policy(
    name: Policy,
    user: User,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Attach a policy to a RAM user."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        policies.attach_policy(tx, owner, name, user, now_ms=now())

    change(Target(data_dir, database, account), "account policy attach", {"Name": name, "User": user}, work)


@app.command("detach")
def detach_policy(
    name: Policy,
    user: User,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Detach a policy from a RAM user."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        policies.detach_policy(tx, owner, name, user)

    change(Target(data_dir, database, account), "account policy detach", {"Name": name, "User": user}, work)


@app.command("delete")
def delete_policy(
    name: Policy, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Remove a policy that is attached to no one."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        policies.delete_policy(tx, owner, name)

    change(Target(data_dir, database, account), "account policy delete", {"Name": name}, work)


def read_document(file: typer.FileText) -> Any:
    """The JSON in a file; what is none ends the command with a sentence."""
    try:
        return json.load(file)
    except ValueError as problem:
        fail(f"The policy document is not JSON: {problem}.")
