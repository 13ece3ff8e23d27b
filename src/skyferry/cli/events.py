"""`skyferry events`: who gets messages of what happens, and the messages that could not be delivered.

Works while the server runs, which takes changes over within a few seconds.
"""

from typing import Annotated, Final

import typer
from sqlalchemy import Connection

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
    yes,
)
from skyferry.events import subscriptions
from skyferry.events.models import EventType, Kind
from skyferry.events.subscriptions import NewSubscription, SubscriptionState
from skyferry.fleet import accounts
from skyferry.fleet.accounts import AccountError
from skyferry.keys import SecretBox
from skyferry.store import accounts as statements
from skyferry.store.accounts import AccountRecord
from skyferry.store.outbox import DeadMessage

app = typer.Typer(help="Messages to the business server: docs/guide/events.md.", no_args_is_help=True)

Instance = Annotated[str | None, typer.Option("--instance", help="The IotInstanceId; the default one if absent.")]
Id = Annotated[str, typer.Argument(metavar="SUBSCRIPTION_ID")]
_SHOWN: Final = 100


@app.command("create")
def create(
    *,
    types: Annotated[list[EventType], typer.Option("--type", help="A type of messages; may be given several times.")],
    target: Annotated[str, typer.Option(help="The webhook's URL, or what the subjects in NATS begin with.")] = "",
    kind: Annotated[Kind, typer.Option(help="How messages go.")] = Kind.WEBHOOK,
    instance: Instance = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Subscribe to messages. A webhook's secret is shown this once."""

    def work(tx: Connection, box: SecretBox, owner: AccountRecord) -> NewSubscription:
        instance_id = _instance(tx, owner, instance)
        return subscriptions.create(tx, box, instance_id=instance_id, kind=kind, target=target, types=types, now=now())

    parameters = _given(instance, Kind=kind, Target=subscriptions.place_of(target), Types=", ".join(types))
    made = change(Target(data_dir, database, account), "events create", parameters, work)
    typer.echo(f"SubscriptionId: {made.subscription_id}")
    if made.secret:
        typer.echo(f"Secret: {made.secret}")


@app.command("list")
def list_subscriptions(
    instance: Instance = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """List the subscriptions of an instance, and how many of their messages wait or are dead."""

    def work(tx: Connection, _: SecretBox) -> list[SubscriptionState]:
        return subscriptions.states(tx, _instance(tx, accounts.account_named(tx, account), instance))

    show(
        ("SubscriptionId", "Kind", "Target", "Types", "Active", "Waiting", "Dead", "Created"),
        (
            (
                item.record.subscription_id,
                item.record.kind,
                item.record.target,
                ", ".join(item.record.types),
                yes(item.record.active),
                _count(item.backlog.waiting),
                _count(item.dead),
                time(item.record.created_at),
            )
            for item in run(data_dir, database, work)
        ),
    )


@app.command("update")
def update(
    subscription: Id,
    *,
    types: Annotated[list[EventType] | None, typer.Option("--type", help="The types, in place of the former.")] = None,
    target: Annotated[str | None, typer.Option(help="Where messages go from now on.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Resume or stop.")] = None,
    new_secret: Annotated[bool, typer.Option("--new-secret", help="Make a new secret, shown this once.")] = False,
    instance: Instance = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Change a subscription; what is not given stays."""

    def work(tx: Connection, box: SecretBox, owner: AccountRecord) -> str | None:
        return subscriptions.update(
            tx,
            box,
            instance_id=_instance(tx, owner, instance),
            subscription_id=subscription,
            target=target,
            types=types or None,
            active=active,
            new_secret=new_secret,
        )

    parameters = _given(
        instance,
        SubscriptionId=subscription,
        Target=None if target is None else subscriptions.place_of(target),
        Types=", ".join(types or ()) or None,
        Active=None if active is None else yes(active),
        NewSecret=yes(new_secret),
    )
    secret = change(Target(data_dir, database, account), "events update", parameters, work)
    if secret:
        typer.echo(f"Secret: {secret}")


@app.command("delete")
def delete(
    subscription: Id,
    instance: Instance = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """End a subscription; what has not been delivered is lost."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> None:
        subscriptions.delete(tx, instance_id=_instance(tx, owner, instance), subscription_id=subscription, now=now())

    parameters = _given(instance, SubscriptionId=subscription)
    change(Target(data_dir, database, account), "events delete", parameters, work)


@app.command("dead")
def dead(
    subscription: Id,
    instance: Instance = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Show the messages that could not be delivered, longest dead first."""

    def work(tx: Connection, _: SecretBox) -> tuple[int, list[DeadMessage]]:
        total, page = subscriptions.dead(
            tx,
            instance_id=_instance(tx, accounts.account_named(tx, account), instance),
            subscription_id=subscription,
            offset=0,
            limit=_SHOWN,
        )
        return total, list(page)

    total, page = run(data_dir, database, work)
    show(
        ("MessageId", "Type", "Topic", "Payload", "Attempts", "Last error", "Dead since"),
        (
            (item.message_id, item.type, item.topic, item.body, str(item.attempts), item.last_error, time(item.dead_at))
            for item in page
        ),
    )
    if total > len(page):
        typer.echo(f"{_count(total)} in all.")


@app.command("redeliver")
def redeliver(
    subscription: Id,
    messages: Annotated[list[str] | None, typer.Argument(metavar="[MESSAGE_ID]...", help="All if absent.")] = None,
    *,
    instance: Instance = None,
    account: Account = accounts.ROOT,
    data_dir: Directory = DEFAULT_DATA_DIR,
    database: Database = None,
) -> None:
    """Let messages that could not be delivered go again."""

    def work(tx: Connection, _: SecretBox, owner: AccountRecord) -> int:
        return subscriptions.redeliver(
            tx,
            instance_id=_instance(tx, owner, instance),
            subscription_id=subscription,
            message_ids=messages or None,
            now=now(),
        )

    def portion() -> int:
        parameters = _given(instance, SubscriptionId=subscription, Messages=str(len(messages)) if messages else "all")
        return change(Target(data_dir, database, account), "events redeliver", parameters, work)

    total = count = portion()
    while count == subscriptions.MOST_REDELIVERED and not messages:
        count = portion()
        total += count
    typer.echo(f"{total} go again.")


def _instance(tx: Connection, account: AccountRecord, name: str | None) -> int:
    """The key of an account's instance."""
    found = statements.instances_of(tx, account.id)
    for instance in found:
        if instance.name == name or (name is None and instance.is_default):
            return instance.id
    raise AccountError(f"The account {account.name} has no instance {name}.")


def _given(instance: str | None, **parameters: str | None) -> dict[str, str]:
    """What was given to a command, for the audit trail."""
    return {name: value for name, value in {"Instance": instance, **parameters}.items() if value is not None}


def _count(number: int) -> str:
    return f"{number} or more" if number == subscriptions.COUNTED_UP_TO else str(number)
