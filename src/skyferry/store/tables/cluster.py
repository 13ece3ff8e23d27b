"""Tables by which several processes work as one server; a process that is alone uses none but `installation`."""

from typing import Final

from sqlalchemy import ARRAY, JSON, BigInteger, Column, Index, Integer, LargeBinary, Table

from skyferry.store.tables.base import KEY, TEXT, metadata, time

installation: Final = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key_check", TEXT, nullable=False),
)
"""One row: `key_check` is derived from the key that secrets in this database are sealed with."""

processes: Final = Table(
    "processes",
    metadata,
    Column("id", TEXT, primary_key=True),
    Column("roles", TEXT, nullable=False),
    time("started_at"),
    time("heard_at"),
    sqlite_with_rowid=False,
)
"""The processes that run. One that was not heard of for long is taken for dead: its devices are offline."""

leases: Final = Table(
    "leases",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("holder", TEXT),
    time("until_at"),
    sqlite_with_rowid=False,
)
"""Work that one process does at a time; anyone may take it who comes after `until_at`, or when nobody holds it."""

report_positions: Final = Table(
    "report_positions",
    metadata,
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How far each part of the stream of reports is stored. The position moves in the transaction that stores them."""

call_windows: Final = Table(
    "call_windows",
    metadata,
    Column("account_id", KEY, primary_key=True, autoincrement=False),
    Column("operation", TEXT, primary_key=True),
    Column("calls", ARRAY(BigInteger).with_variant(JSON, "sqlite"), nullable=False),
    sqlite_with_rowid=False,
)
"""When an account has called an operation within the last second. Not logged in PostgreSQL: a crash may forget it."""

used_nonces: Final = Table(
    "used_nonces",
    metadata,
    Column("access_key_id", TEXT, primary_key=True),
    Column("fingerprint", LargeBinary, primary_key=True),
    time("expires_at"),
    Index("ix_used_nonces_expires_at", "expires_at"),
    sqlite_with_rowid=False,
)
"""Nonces of signed requests until these expire. Not logged in PostgreSQL."""
