"""Tables of accounts, their instances and who may do what in them."""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from skyferry.store.tables.base import TEXT, half_of_key, key, metadata, ref, time

accounts = Table(
    "accounts",
    metadata,
    key(),
    Column("uid", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False, unique=True),
    time("created_at"),
)

instances = Table(
    "instances",
    metadata,
    key(),
    ref("account_id", "accounts.id"),
    Column("name", TEXT, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("cancel_by_device", TEXT, nullable=False, server_default="pending"),
    Column("object_prefix", TEXT, nullable=False, unique=True),
    Column("upload_key_id", TEXT, nullable=False, unique=True),
    Column("upload_key_sealed", LargeBinary, nullable=False),
    time("created_at"),
    UniqueConstraint("account_id", "name"),
    CheckConstraint("cancel_by_device IN ('pending', 'open')", name="cancel_by_device"),
)
Index(
    "uq_instances_default",
    instances.c.account_id,
    unique=True,
    sqlite_where=instances.c.is_default,
    postgresql_where=instances.c.is_default,
)

ram_users = Table(
    "ram_users",
    metadata,
    key(),
    ref("account_id", "accounts.id"),
    Column("name", TEXT, nullable=False),
    time("created_at"),
    UniqueConstraint("account_id", "name"),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", TEXT, primary_key=True),
    ref("account_id", "accounts.id"),
    ref("ram_user_id", "ram_users.id", nullable=True),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
    time("created_at"),
    Index(None, "account_id"),
)

policies = Table(
    "policies",
    metadata,
    key(),
    ref("account_id", "accounts.id"),
    Column("name", TEXT, nullable=False),
    Column("document", JSON, nullable=False),
    time("created_at"),
    UniqueConstraint("account_id", "name"),
)

policy_attachments = Table(
    "policy_attachments",
    metadata,
    half_of_key("policy_id", "policies.id"),
    half_of_key("ram_user_id", "ram_users.id"),
    Index(None, "ram_user_id"),
)

roles = Table(
    "roles",
    metadata,
    key(),
    ref("account_id", "accounts.id"),
    Column("role_id", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False),
    Column("description", TEXT),
    Column("longest_session_seconds", Integer, nullable=False),
    time("created_at"),
    UniqueConstraint("account_id", "name"),
)
"""What a RAM user may become for a while by AssumeRole. Tokens name the `role_id`, which is never used again."""

role_policies = Table(
    "role_policies",
    metadata,
    half_of_key("policy_id", "policies.id"),
    half_of_key("role_id", "roles.id"),
    Index(None, "role_id"),
)

audit_records = Table(
    "audit_records",
    metadata,
    key(),
    ref("account_id", "accounts.id"),
    ref("instance_id", "instances.id", nullable=True),
    time("at"),
    Column("caller", TEXT, nullable=False),
    Column("access_key_id", TEXT, nullable=False),
    Column("source_address", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("request_id", TEXT, nullable=False),
    Column("outcome", TEXT, nullable=False),
    Index("ix_audit_records_account_id_id", "account_id", "id"),
    Index(None, "request_id", unique=True),
    Index(None, "at"),
)
"""Changing calls: who, from where, what, and how it ended (`OK`, the error's code, or `BEGUN`: not yet). No secrets."""
