"""Tables of the messages to the business server: who wants them, and what has not been delivered yet."""

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, Table

from skyferry.store.tables.base import TEXT, key, metadata, ref, time

subscriptions = Table(
    "subscriptions",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    Column("subscription_id", TEXT, nullable=False, unique=True),
    Column("kind", TEXT, nullable=False),
    Column("target", TEXT, nullable=False),
    Column("secret_sealed", LargeBinary),
    Column("types", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    time("created_at"),
    time("deleted_at", nullable=True),
    Index(None, "instance_id"),
    CheckConstraint("kind IN ('webhook', 'nats')", name="kind"),
)
"""Who wants which types of messages. With `deleted_at` it wants none: its messages are removed first, then it is."""

outbox = Table(
    "outbox",
    metadata,
    key(),
    ref("subscription_id", "subscriptions.id"),
    Column("message_id", TEXT, nullable=False),
    Column("ordering_key", TEXT, nullable=False),
    Column("type", TEXT, nullable=False),
    Column("topic", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    time("created_at"),
    time("due_at", nullable=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_error", TEXT),
    time("dead_at", nullable=True),
    sqlite_autoincrement=True,
)
"""Messages to be delivered, a row for each subscription; those of one `ordering_key` go in the order of their keys.

`due_at` is when a message may go. It is empty while the message waits behind an earlier one of its ordering key, and
when it is dead: tried as often as it may be, kept to be looked at. A key is never used a second time: what ends is
named by it after the delivery, when the row may be gone.
"""
Index(
    "ix_outbox_waiting",
    outbox.c.subscription_id,
    outbox.c.ordering_key,
    outbox.c.id,
    sqlite_where=outbox.c.dead_at.is_(None),
    postgresql_where=outbox.c.dead_at.is_(None),
)
Index(
    "ix_outbox_due",
    outbox.c.subscription_id,
    outbox.c.due_at,
    outbox.c.id,
    sqlite_where=outbox.c.due_at.is_not(None),
    postgresql_where=outbox.c.due_at.is_not(None),
)
Index(
    "ix_outbox_dead",
    outbox.c.subscription_id,
    outbox.c.dead_at,
    outbox.c.id,
    sqlite_where=outbox.c.dead_at.is_not(None),
    postgresql_where=outbox.c.dead_at.is_not(None),
)
