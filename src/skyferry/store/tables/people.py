"""Tables of people who sign in to the console."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, UniqueConstraint

from skyferry.store.tables.base import TEXT, key, metadata, ref, time

passwords = Table(
    "passwords",
    metadata,
    key(),
    ref("account_id", "accounts.id"),
    ref("ram_user_id", "ram_users.id", nullable=True),
    Column("hash", TEXT, nullable=False),
    Column("totp_sealed", LargeBinary),
    Column("totp_step", Integer),
    time("changed_at"),
    UniqueConstraint("ram_user_id"),
)
"""Who may sign in: the account itself (no RAM user) and RAM users. `totp_step` is the step of the last code that was
used: no code is taken twice."""
Index(
    "uq_passwords_account",
    passwords.c.account_id,
    unique=True,
    sqlite_where=passwords.c.ram_user_id.is_(None),
    postgresql_where=passwords.c.ram_user_id.is_(None),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    key(),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    ref("password_id", "passwords.id"),
    Column("source_address", TEXT, nullable=False),
    Column("browser", TEXT, nullable=False),
    time("created_at"),
    time("expires_at"),
    Index(None, "password_id"),
    Index(None, "expires_at"),
)
"""Signed-in browsers. The cookie holds the token, the table only its SHA-256."""
