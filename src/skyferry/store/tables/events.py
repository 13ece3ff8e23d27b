"""Tables of the messages to the business server: who wants them, and what has not been delivered yet."""

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, Table, Text

from skyferry.store.tables.base import key, metadata, ref, time

subscriptions = Table(
    "subscriptions",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    Column("subscription_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("secret_sealed", LargeBinary),
    Column("types", JSON, nullable=False),
    Column("active", Boolean, nullable=False),
    time("created_at"),
    Index(None, "instance_id"),
    CheckConstraint("kind IN ('webhook', 'nats')", name="kind"),
)

outbox = Table(
    "outbox",
    metadata,
    key(),
    ref("subscription_id", "subscriptions.id"),
    Column("ordering_key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("body", Text, nullable=False),
    time("created_at"),
    time("due_at", nullable=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_error", Text),
    time("dead_at", nullable=True),
)
"""Messages to be delivered, a row for each subscription; those of one `ordering_key` go in the order of their keys."""
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
    outbox.c.due_at,
    sqlite_where=outbox.c.dead_at.is_(None),
    postgresql_where=outbox.c.dead_at.is_(None),
)
