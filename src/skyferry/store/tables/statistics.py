"""Tables of counters: what statistics tell without reading tasks and devices one by one."""

from typing import Final

from sqlalchemy import Column, Index, Integer, SmallInteger, Table

from skyferry.store.tables.base import KEY, TEXT, half_of_key, metadata

task_endings = Table(
    "task_endings",
    metadata,
    half_of_key("job_id", "jobs.id"),
    Column("hour", Integer, primary_key=True),
    Column("status", SmallInteger, primary_key=True),
    Column("cause", TEXT, primary_key=True),
    Column("number", Integer, nullable=False),
    Index("ix_task_endings_hour", "hour"),
    sqlite_with_rowid=False,
)
"""How many tasks of a job ended well or badly in an hour, counted from the Unix epoch, and of what cause. A task that
ends a second time counts a second time. The cause is empty for successes, and for failures of causes beyond the first
few that the job had in the hour."""

version_counts = Table(
    "version_counts",
    metadata,
    half_of_key("product_id", "products.id"),
    Column("module", TEXT, primary_key=True),
    Column("version", TEXT, primary_key=True),
    Column("devices", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many devices of a product have last reported a version of a module: what is in `module_versions`, counted."""

ARCHIVED_SLOT: Final = -1
"""The slot in which the tasks of a job are counted that were archived."""

task_counts = Table(
    "task_counts",
    metadata,
    Column("job_id", KEY, primary_key=True, autoincrement=False),
    Column("status", SmallInteger, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("tasks", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many tasks of a job are in a state: the sum over the slots. Triggers keep it (`skyferry.store.tables.triggers`);
nothing else writes it, but for the slot of tasks that were archived and are rows no more. A foreign key would lock the
job while its tasks change: another trigger removes the counts of a job with the job."""

device_counts = Table(
    "device_counts",
    metadata,
    Column("product_id", KEY, primary_key=True, autoincrement=False),
    Column("state", SmallInteger, primary_key=True),
    Column("slot", Integer, primary_key=True),
    Column("devices", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many devices of a product are in a `DeviceState`, in the same way."""
