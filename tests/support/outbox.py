"""Messages in an outbox, and what is left of them."""

from sqlalchemy import Connection, select

from skyferry.events import subscriptions
from skyferry.fleet import accounts, principals
from skyferry.keys import SecretBox
from skyferry.store import outbox as statements
from skyferry.store import subscriptions as subscription_statements
from skyferry.store.subscriptions import SubscriptionRecord
from skyferry.store.tables import outbox
from tests.support.rows import START

BOX = SecretBox(bytes(32))


def subscription(tx: Connection, *types: str, target: str = "http://127.0.0.1:9/hook") -> SubscriptionRecord:
    """A webhook of the first instance; the account is made when there is none."""
    accounts.ensure_root(tx, BOX, key_id="testid", secret="testsecret", now_ms=START)
    principal = principals.find_principal(tx, "testid", BOX)
    assert principal is not None
    instance_id = principal.default_instance.id
    made = subscriptions.create(
        tx,
        BOX,
        instance_id=instance_id,
        kind="webhook",
        target=target,
        types=types or ["job.status"],
        now=START,
    )
    found = subscription_statements.find(tx, instance_id, made.subscription_id)
    assert found is not None
    return found


def fill(tx: Connection, subscription_id: int, *keys: str, now: int = START) -> None:
    """A message for each ordering key; its body tells its number."""
    first = tx.execute(select(outbox.c.id)).all()
    statements.add(
        tx,
        [
            {
                "subscription_id": subscription_id,
                "message_id": f"m{number}",
                "ordering_key": key,
                "type": "job.status",
                "topic": f"/{key}",
                "body": str(number),
                "created_at": now,
                "due_at": now,
            }
            for number, key in enumerate(keys, len(first) + 1)
        ],
    )


def waiting(tx: Connection) -> list[str]:
    """The MessageIds that are not dead."""
    statement = select(outbox.c.message_id).where(outbox.c.dead_at.is_(None)).order_by(outbox.c.id)
    return list(tx.execute(statement).scalars())


def is_empty(tx: Connection) -> bool:
    """Whether nothing waits."""
    return not waiting(tx)
