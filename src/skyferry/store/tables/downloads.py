"""The table of what was downloaded for each task."""

from sqlalchemy import BigInteger, Column, Integer, Table

from skyferry.store.tables.base import half_of_key, metadata, time

task_downloads = Table(
    "task_downloads",
    metadata,
    half_of_key("task_id", "tasks.id"),
    Column("bytes", BigInteger, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    time("modified_at"),
    sqlite_with_rowid=False,
)
"""Bytes that this server sent for a task, in how many requests, and how many of those broke off."""
