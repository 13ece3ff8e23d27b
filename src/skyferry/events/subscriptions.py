"""Subscriptions: who wants messages, of which types, and where they go."""

import base64
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.events import publishing
from skyferry.events.models import SIGNING_PREFIX, EventType, Kind
from skyferry.keys import SecretBox
from skyferry.store import outbox
from skyferry.store import subscriptions as statements
from skyferry.store.outbox import Backlog, DeadMessage
from skyferry.store.subscriptions import SubscriptionRecord

MOST_SUBSCRIPTIONS: Final = 20
MOST_REDELIVERED: Final = 1_000
"""How many dead messages one call puts back."""
DEFAULT_SUBJECT: Final = "skyferry.events"
COUNTED_UP_TO: Final = 10_000
"""Waiting and dead messages are not counted further than this."""

_SECRET_BYTES: Final = 32
_LONGEST_TARGET: Final = 2_048
_PRINTABLE: Final = re.compile(r"[!-~]+")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_LONGEST_SUBJECT: Final = 200


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """A subscription that was made.

    Attributes:
        subscription_id: its name.
        secret: what its messages are signed with, shown this once; None for kinds that sign nothing.
    """

    subscription_id: str
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription, what of it waits, and how many of its messages are dead, as far as `COUNTED_UP_TO`."""

    record: SubscriptionRecord
    backlog: Backlog
    dead: int


def create(
    tx: Connection, box: SecretBox, *, instance_id: int, kind: str, target: str, types: Sequence[str], now: int
) -> NewSubscription:
    """Makes a subscription; it gets what happens from now on.

    Args:
        tx: the transaction.
        box: seals the secret.
        instance_id: key of the instance whose messages it gets.
        kind: `webhook` or `nats`.
        target: a URL, or what the subjects begin with (`skyferry.events` when empty).
        types: the types of messages that it gets.
        now: the time now.

    Raises:
        ApiError: a value that is not allowed, or one subscription too many.
    """
    if kind not in set(Kind):
        raise ApiError(codes.INVALID_EVENT_KIND)
    values = {"target": _target(Kind(kind), target), "types": _types(types)}
    if statements.count_of_instance(tx, instance_id) >= MOST_SUBSCRIPTIONS:
        raise ApiError(codes.EVENT_SUBSCRIPTION_COUNT_EXCEED_MAX)
    secret = _new_secret() if kind == Kind.WEBHOOK else None
    subscription_id = identifiers.subscription_id()
    statements.insert(
        tx,
        {
            **values,
            "instance_id": instance_id,
            "subscription_id": subscription_id,
            "kind": kind,
            "secret_sealed": box.seal(secret) if secret else None,
            "active": True,
            "created_at": now,
        },
    )
    return NewSubscription(subscription_id, secret)


def update(
    tx: Connection,
    box: SecretBox,
    *,
    instance_id: int,
    subscription_id: str,
    target: str | None = None,
    types: Sequence[str] | None = None,
    active: bool | None = None,
    new_secret: bool = False,
) -> str | None:
    """Changes what is given, and returns the new secret when one was asked for.

    An inactive subscription gets no new messages; those that wait stay, and go when it is active again.

    Raises:
        ApiError: there is no such subscription, or a value is not allowed.
    """
    record = find(tx, instance_id, subscription_id)
    values: dict[str, Any] = {}
    secret = None
    if target is not None:
        values["target"] = _target(Kind(record.kind), target)
    if types is not None:
        values["types"] = _types(types)
    if active is not None:
        values["active"] = active
    if new_secret and record.kind == Kind.WEBHOOK:
        secret = _new_secret()
        values["secret_sealed"] = box.seal(secret)
    if values and not statements.change(tx, record.id, values):
        raise ApiError(codes.EVENT_SUBSCRIPTION_NOT_FOUND)
    return secret


def delete(tx: Connection, *, instance_id: int, subscription_id: str, now: int) -> None:
    """Ends a subscription. Its messages are lost; the server removes them in portions.

    Raises:
        ApiError: there is no such subscription.
    """
    record = find(tx, instance_id, subscription_id)
    if not statements.change(tx, record.id, {"deleted_at": now}):
        raise ApiError(codes.EVENT_SUBSCRIPTION_NOT_FOUND)


def place_of(target: str) -> str:
    """Where messages go, without what may be a secret in a webhook's URL: what the audit trail keeps."""
    try:
        url = urlsplit(target)
    except ValueError:
        return "…"
    return f"{url.scheme}://{url.hostname}/…" if url.hostname else target


def find(tx: Connection, instance_id: int, subscription_id: str) -> SubscriptionRecord:
    """The subscription of this SubscriptionId.

    Raises:
        ApiError: the instance has none.
    """
    record = statements.find(tx, instance_id, subscription_id)
    if record is None:
        raise ApiError(codes.EVENT_SUBSCRIPTION_NOT_FOUND)
    return record


def states(tx: Connection, instance_id: int) -> list[SubscriptionState]:
    """The subscriptions of an instance, oldest first."""
    return [
        SubscriptionState(
            record,
            backlog=outbox.backlog(tx, record.id, COUNTED_UP_TO),
            dead=outbox.dead_up_to(tx, record.id, COUNTED_UP_TO),
        )
        for record in statements.of_instance(tx, instance_id)
    ]


def dead(
    tx: Connection, *, instance_id: int, subscription_id: str, offset: int, limit: int
) -> tuple[int, Sequence[DeadMessage]]:
    """How many messages of a subscription are dead, up to `COUNTED_UP_TO`, and some of them, longest dead first.

    Raises:
        ApiError: there is no such subscription.
    """
    record = find(tx, instance_id, subscription_id)
    page = outbox.page_of_dead(tx, record.id, offset=offset, limit=limit)
    return outbox.dead_up_to(tx, record.id, COUNTED_UP_TO), page


def redeliver(
    tx: Connection, *, instance_id: int, subscription_id: str, message_ids: Collection[str] | None, now: int
) -> int:
    """Puts up to `MOST_REDELIVERED` dead messages back, longest dead first, and tells how many.

    Args:
        tx: the transaction.
        instance_id: key of the instance.
        subscription_id: the SubscriptionId.
        message_ids: only these; any when None.
        now: the time now.

    Raises:
        ApiError: there is no such subscription, or more messages are named than one call takes.
    """
    record = find(tx, instance_id, subscription_id)
    if message_ids is not None and len(message_ids) > MOST_REDELIVERED:
        raise ApiError(codes.PARAMETER_SIZE_EXCEED_MAX, f"MessageId has at most {MOST_REDELIVERED} entries.")
    return outbox.revive(tx, record.id, message_ids, now=now, limit=MOST_REDELIVERED)


def send_test(tx: Connection, *, instance_id: int, subscription_id: str, now: int) -> str:
    """Sends a subscription a message that says nothing, and returns its MessageId.

    Raises:
        ApiError: there is no such subscription.
    """
    return publishing.publish_test(tx, find(tx, instance_id, subscription_id).id, now)


def active(tx: Connection) -> tuple[Sequence[SubscriptionRecord], bool]:
    """The active subscriptions of all instances, and whether a deleted one has left something behind."""
    return statements.active(tx), statements.next_deleted(tx) is not None


def remove_some(tx: Connection, limit: int) -> bool:
    """Removes a portion of what deleted subscriptions left behind; False when nothing was left."""
    key = statements.next_deleted(tx)
    if key is None:
        return False
    if not outbox.remove_of(tx, key, limit):
        statements.remove(tx, key)
    return True


def _types(given: Sequence[str]) -> list[str]:
    if not given or not set(given) <= set(EventType):
        raise ApiError(codes.INVALID_EVENT_TYPE)
    return [kind.value for kind in EventType if kind in given]


def _target(kind: Kind, given: str) -> str:
    return _url(given) if kind is Kind.WEBHOOK else _subject(given)


def _url(given: str) -> str:
    """The URL, as it was given.

    Which address it leads to is not looked at: a business server on a private network is the usual case.
    """
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        raise ApiError(codes.INVALID_EVENT_TARGET, "Target is not a URL.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or not _PRINTABLE.fullmatch(given):
        raise ApiError(codes.INVALID_EVENT_TARGET, "Target is http://HOST/PATH or https://HOST/PATH, in ASCII letters.")
    if parts.username is not None or parts.password is not None or parts.fragment or len(given) > _LONGEST_TARGET:
        raise ApiError(
            codes.INVALID_EVENT_TARGET,
            f"Target has no user name, no password, no fragment (#...) and at most {_LONGEST_TARGET} characters.",
        )
    return given


def _subject(given: str) -> str:
    subject = given or DEFAULT_SUBJECT
    if len(subject) > _LONGEST_SUBJECT or not _SUBJECT.fullmatch(subject):
        raise ApiError(
            codes.INVALID_EVENT_TARGET,
            f"Target is what the subjects begin with: words of A-Z a-z 0-9 _ - with dots between them, such as "
            f"{DEFAULT_SUBJECT}, of at most {_LONGEST_SUBJECT} characters.",
        )
    return subject


def _new_secret() -> str:
    return SIGNING_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
