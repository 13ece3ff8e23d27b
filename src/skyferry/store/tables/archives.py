"""The table of what was archived."""

from sqlalchemy import Column, Integer, Table

from skyferry.store.tables.base import KEY, TEXT, half_of_key, metadata, time

task_archives = Table(
    "task_archives",
    metadata,
    half_of_key("job_id", "jobs.id"),
    Column("first_task", KEY, primary_key=True, autoincrement=False),
    Column("name", TEXT, nullable=False),
    Column("tasks", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    time("archived_at"),
    sqlite_with_rowid=False,
)
"""A file in the object store with tasks of a job that are in the database no more: the key of the first of them, the
file's name, how many tasks it holds, and its length. A file that stands in no row belongs to an attempt that failed."""
