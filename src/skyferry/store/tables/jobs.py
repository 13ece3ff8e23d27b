"""Tables of jobs and tasks.

Task states are the numbers of `skyferry.ota.states.TaskStatus`: every open state is below 100 and every final state
is above, so that "open" stays a range comparison and can stand in a partial index.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    literal_column,
)

from skyferry.store.tables.base import KEY, TEXT, key, metadata, ref, time

OPEN_BELOW: Final = 100
"""Task states below this number are open."""

jobs = Table(
    "jobs",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    ref("product_id", "products.id"),
    ref("package_id", "packages.id"),
    Column("job_id", TEXT, nullable=False, unique=True),
    Column("type", TEXT, nullable=False),
    Column("selection", TEXT, nullable=False),
    Column("target_selection", TEXT, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("src_versions", JSON, nullable=False),
    Column("timeout_minutes", Integer),
    Column("maximum_per_minute", Integer, nullable=False),
    Column("overwrite_mode", SmallInteger, nullable=False),
    Column("need_push", Boolean, nullable=False),
    Column("need_confirm", Boolean, nullable=False),
    Column("multi_module", Boolean, nullable=False),
    Column("download_protocol", TEXT, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("selected_up_to", KEY, nullable=False),
    Column("select_up_to", KEY, nullable=False),
    Column("next_push_at", BigInteger, nullable=False, server_default="0"),
    time("schedule_at", nullable=True),
    time("finish_at", nullable=True),
    Column("retry_interval_minutes", Integer),
    Column("retry_count", SmallInteger),
    Column("gray_share", Integer),
    Column("looked_at", BigInteger, nullable=False, server_default="0"),
    Column("group_id", TEXT),
    Column("dynamic_mode", SmallInteger),
    Column("list_key", TEXT, ForeignKey("objects.key", ondelete="SET NULL")),
    Column("unknown_names", Integer, nullable=False, server_default="0"),
    Column("unknown_sample", JSON(none_as_null=True)),
    Column("ending_states", JSON(none_as_null=True)),
    Column("ending_event", TEXT),
    time("paused_at", nullable=True),
    Column("pause_reason", TEXT),
    Column("controls", JSON(none_as_null=True)),
    Column("stage", SmallInteger, nullable=False, server_default="0"),
    Column("push_budget", Integer),
    Column("push_rate", Integer),
    Column("counts_at_resume", JSON(none_as_null=True)),
    time("created_at"),
    time("modified_at"),
    time("started_at", nullable=True),
    time("ended_at", nullable=True),
    Index("ix_jobs_package_id_id", "package_id", "id"),
    Index("ix_jobs_instance_id_id", "instance_id", "id"),
    Index("ix_jobs_instance_id_status_id", "instance_id", "status", "id"),
)
"""A batch of updates.

Devices of the job's product with a key above `selected_up_to` and up to `select_up_to` still wait for their task; with
a list file (`list_key`) the two are positions in the file, in bytes. `looked_at` counts the devices that a gray job has
seen, `gray_share` is thousandths of a percent. The job's rate allows its next push at `next_push_at`; `push_budget` is
how many first pushes the present stage still allows, any number when empty; `push_rate` stands for the maximum per
minute while a growing rate is below it; a job with `paused_at` pushes nothing.
`group_id` is a GroupId and no key: a job outlives its group and then finds no more devices.
While `ending_states` is set, the worker ends the tasks that are in one of these states by `ending_event`.
"""
job_is_running: Final = jobs.c.status == literal_column("'IN_PROGRESS'")
"""Written as literals, not as bound values, so that a planner sees that the partial indexes serve."""
job_is_matching: Final = (jobs.c.selection == literal_column("'DYNAMIC'")) & job_is_running
job_is_planned: Final = jobs.c.status == literal_column("'PLANNED'")
job_is_live: Final = jobs.c.started_at.is_not(None) & jobs.c.ended_at.is_(None)
"""Its tasks go on: it runs, or it is a dynamic job that only matches no more devices."""
Index(
    "uq_jobs_running_verification",
    jobs.c.package_id,
    unique=True,
    sqlite_where=(jobs.c.type == "VERIFY_FIRMWARE") & job_is_running,
    postgresql_where=(jobs.c.type == "VERIFY_FIRMWARE") & job_is_running,
)
Index(
    "uq_jobs_running_dynamic",
    jobs.c.package_id,
    unique=True,
    sqlite_where=job_is_matching,
    postgresql_where=job_is_matching,
)
Index(
    "ix_jobs_matching",
    jobs.c.product_id,
    sqlite_where=job_is_matching,
    postgresql_where=job_is_matching,
)
Index(
    "ix_jobs_planned",
    jobs.c.schedule_at,
    sqlite_where=job_is_planned,
    postgresql_where=job_is_planned,
)
Index(
    "ix_jobs_finishing",
    jobs.c.finish_at,
    sqlite_where=jobs.c.finish_at.is_not(None) & job_is_running,
    postgresql_where=jobs.c.finish_at.is_not(None) & job_is_running,
)
Index(
    "ix_jobs_steered",
    jobs.c.id,
    sqlite_where=jobs.c.controls.is_not(None) & job_is_live,
    postgresql_where=jobs.c.controls.is_not(None) & job_is_live,
)
Index(
    "ix_jobs_ending",
    jobs.c.id,
    sqlite_where=jobs.c.ending_states.is_not(None),
    postgresql_where=jobs.c.ending_states.is_not(None),
)
Index(
    "ix_jobs_list_key",
    jobs.c.list_key,
    sqlite_where=jobs.c.list_key.is_not(None),
    postgresql_where=jobs.c.list_key.is_not(None),
)
Index(
    "ix_jobs_live",
    jobs.c.id,
    sqlite_where=job_is_live,
    postgresql_where=job_is_live,
)
Index(
    "ix_jobs_selecting",
    jobs.c.id,
    sqlite_where=jobs.c.selected_up_to < jobs.c.select_up_to,
    postgresql_where=jobs.c.selected_up_to < jobs.c.select_up_to,
)

tasks = Table(
    "tasks",
    metadata,
    key(),
    Column("job_id", KEY, nullable=False),
    Column("package_id", KEY, nullable=False),
    Column("device_id", KEY, nullable=False),
    Column("module", TEXT, nullable=False),
    Column("src_version", TEXT, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("progress", SmallInteger, nullable=False, server_default="0"),
    Column("description", TEXT, nullable=False, server_default=""),
    time("dispatch_at", nullable=True),
    time("notified_at", nullable=True),
    time("deadline_at", nullable=True),
    time("retry_at", nullable=True),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("pushes", SmallInteger, nullable=False, server_default="0"),
    Column("timeout_minutes", Integer),
    time("created_at"),
    time("modified_at"),
    Index("ix_tasks_job_id_status_id", "job_id", "status", "id"),
    Index("ix_tasks_job_id_id", "job_id", "id"),
    Index("ix_tasks_device_id", "device_id"),
    sqlite_autoincrement=True,
)
"""One device in one job; its key is never given to another task, since messages, URLs and devices name it.
`dispatch_at` is when the next push is due; empty while nothing is to be sent.
`deadline_at` is when the task times out; it is set by the first progress report, `timeout_minutes` after it: the job's
timeout when the task was made, which a later change of the job leaves alone. `tries` counts failed tries that are
to be repeated, from `retry_at` on; `pushes` counts the pushes of the present try. `package_id` is the job's.
`job_id` and `device_id` are no foreign keys, which would cost more than the task itself: triggers remove a task with
its job or its device (`skyferry.store.tables.triggers`)."""
task_is_open: Final = tasks.c.status < literal_column(str(OPEN_BELOW))
Index(
    "uq_tasks_open_device_id_module",
    tasks.c.device_id,
    tasks.c.module,
    unique=True,
    sqlite_where=task_is_open,
    postgresql_where=task_is_open,
)
Index(
    "ix_tasks_due",
    tasks.c.job_id,
    tasks.c.status,
    tasks.c.dispatch_at,
    sqlite_where=tasks.c.dispatch_at.is_not(None),
    postgresql_where=tasks.c.dispatch_at.is_not(None),
)
Index(
    "ix_tasks_deadline",
    tasks.c.deadline_at,
    sqlite_where=tasks.c.deadline_at.is_not(None) & task_is_open,
    postgresql_where=tasks.c.deadline_at.is_not(None) & task_is_open,
)

task_history = Table(
    "task_history",
    metadata,
    key(),
    Column("task_id", KEY, nullable=False),
    time("at"),
    Column("status", SmallInteger, nullable=False),
    Column("event", TEXT, nullable=False),
    Column("description", TEXT, nullable=False),
    Index(None, "task_id"),
)
"""What happened to a task after its creation: when, which state it has since, by which event, and what was said.

A trigger removes it with its task."""
