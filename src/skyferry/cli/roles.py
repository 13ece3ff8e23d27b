"""`skyferry account role` and `skyferry account assume-role`: roles, and temporary access keys for them."""

import json
from typing import Annotated

import typer
from sqlalchemy import Connection

from skyferry.cli.database import (
    DEFAULT_DATA_DIR,
    Account,
    Database,
    Directory,
    Target,
    change,
    key_ring,
    now,
    run,
    show,
    time,
)
from skyferry.cli.policies import Policy, read_document
from skyferry.fleet import accounts, roles
from skyferry.fleet.roles import DEFAULT_SESSION, SessionRequest
from skyferry.keys import SecretBox
from skyferry.ram.tokens import SecurityTokens, Session
from skyferry.store import policies
from skyferry.store import roles as statements
from skyferry.store.accounts import AccountRecord

app = typer.Typer(help="Roles: what RAM users may become for a while.", no_args_is_help=True)

Role = Annotated[str, typer.Argument(help="The role's name.")]
Longest = Annotated[int, typer.Option(help="How long one may be the role at a time: 900 to 43200.")]
Seconds = Annotated[int, typer.Option(help="How long the key is valid: 900 up to what the role allows.")]
Limit = Annotated[typer.FileText | None, typer.Option(help="A policy (JSON) that limits the key; - is standard input.")]
_SESSION = "cli"


@app.command("create")
def create_role(
    name: Role,
    *,
    seconds: Annotated[
        int, typer.Option(help="How long one may be the role at a time: 900 to 43200.")
    ] = DEFAULT_SESSION,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Make a role and print its ARN. Attach a policy to it."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> str:
        roles.create_role(tx, owner, name, description=description, longest_session=seconds, now_ms=now())
        return roles.arn_of(owner.uid, name)

    typer.echo(
        change(
            Target(data_dir, database, account), "account role create", {"Name": name, "Seconds": str(seconds)}, work
        )
    )


@app.command("list")
def list_roles(
    data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """List the roles of an account with their policies."""

    def work(tx: Connection, _: SecretBox) -> list[tuple[str, ...]]:
        owner = accounts.account_named(tx, account)
        return [
            (
                role.name,
                roles.arn_of(owner.uid, role.name),
                ", ".join(policy.name for policy in policies.policies_of_role(tx, role.id)),
                str(role.longest_session_seconds),
                role.description or "",
                time(role.created_at),
            )
            for role in statements.roles_of(tx, owner.id)
        ]

    show(("Name", "ARN", "Policies", "Seconds", "Description", "Created"), run(data_dir, database, work))


@app.command("delete")
def delete_role(
    name: Role, data_dir: Directory = DEFAULT_DATA_DIR, account: Account = accounts.ROOT, database: Database = None
) -> None:
    """Remove a role; the access keys of those who have assumed it end."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        roles.delete_role(tx, owner, name)

    change(Target(data_dir, database, account), "account role delete", {"Name": name}, work)


@app.command("attach")
def attach_policy(
    policy: Policy,
    role: Role,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Attach a policy to a role."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        roles.attach_policy(tx, owner, policy, role, now_ms=now())

    change(Target(data_dir, database, account), "account role attach", {"Name": policy, "Role": role}, work)


@app.command("detach")
def detach_policy(
    policy: Policy,
    role: Role,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Detach a policy from a role."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        roles.detach_policy(tx, owner, policy, role)

    change(Target(data_dir, database, account), "account role detach", {"Name": policy, "Role": role}, work)


def assume_role(
    role: Role,
    *,
    seconds: Annotated[
        int, typer.Option(help="How long the key is valid: 900 up to what the role allows.")
    ] = DEFAULT_SESSION,
    session: Annotated[str, typer.Option(help="What the log and the audit trail call the session.")] = _SESSION,
    policy: Limit = None,
    data_dir: Directory = DEFAULT_DATA_DIR,
    account: Account = accounts.ROOT,
    database: Database = None,
) -> None:
    """Print a temporary access key that may do what a role may do."""
    document = None if policy is None else json.dumps(read_document(policy))

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> Session:
        return roles.new_session(
            roles.role_named(tx, owner, role),
            SessionRequest(session, seconds, document),
            account_uid=owner.uid,
            now_ms=now(),
        )

    made = change(Target(data_dir, database, account), "account assume-role", {"Role": role, "Session": session}, work)
    tokens = SecurityTokens(key_ring(data_dir))
    typer.echo(
        f"AccessKeyId: {made.access_key_id}\nAccessKeySecret: {made.secret}\nSecurityToken: {tokens.seal(made)}\n"
        f"Expiration: {time(made.expires_ms)}"
    )
