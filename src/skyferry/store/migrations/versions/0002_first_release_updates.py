"""The schema of the first release: packages, jobs, tasks and messages.

Revision: 0002, after 0001. Written 2026-11-24.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "objects",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("crc64", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_objects_instance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_objects")),
    )
    op.create_index(op.f("ix_objects_created_at"), "objects", ["created_at"], unique=False)
    op.create_table(
        "subscriptions",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('webhook', 'nats')", name=op.f("ck_subscriptions_kind")),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_subscriptions_instance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint("subscription_id", name=op.f("uq_subscriptions_subscription_id")),
    )
    op.create_index(op.f("ix_subscriptions_instance_id"), "subscriptions", ["instance_id"], unique=False)
    op.create_table(
        "modules",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_modules_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modules")),
        sa.UniqueConstraint("product_id", "folded_name", name=op.f("uq_modules_product_id_folded_name")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("subscription_id", KEY, nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("ordering_key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("dead_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscriptions.id"], name=op.f("fk_outbox_subscription_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_dead",
        "outbox",
        ["subscription_id", "dead_at", "id"],
        unique=False,
        sqlite_where=sa.text("dead_at IS NOT NULL"),
        postgresql_where=sa.text("dead_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["subscription_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["subscription_id", "ordering_key", "id"],
        unique=False,
        sqlite_where=sa.text("dead_at IS NULL"),
        postgresql_where=sa.text("dead_at IS NULL"),
    )
    op.create_table(
        "packages",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("firmware_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("dest_version", sa.Text(), nullable=False),
        sa.Column("src_version", sa.Text(), nullable=True),
        sa.Column("type", sa.SmallInteger(), nullable=False),
        sa.Column("sign_method", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("udi", sa.Text(), nullable=True),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("multi_file", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_packages_instance_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_packages_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packages")),
        sa.UniqueConstraint("firmware_id", name=op.f("uq_packages_firmware_id")),
        sa.UniqueConstraint("instance_id", "name", name=op.f("uq_packages_instance_id_name")),
        sa.UniqueConstraint("product_id", "dest_version", name=op.f("uq_packages_product_id_dest_version")),
    )
    op.create_index(
        "ix_packages_deleted",
        "packages",
        ["id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_packages_instance_id_id", "packages", ["instance_id", "id"], unique=False)
    op.create_table(
        "jobs",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("package_id", KEY, nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("selection", sa.Text(), nullable=False),
        sa.Column("target_selection", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("src_versions", sa.JSON(), nullable=False),
        sa.Column("timeout_minutes", sa.Integer(), nullable=True),
        sa.Column("maximum_per_minute", sa.Integer(), nullable=False),
        sa.Column("overwrite_mode", sa.SmallInteger(), nullable=False),
        sa.Column("need_push", sa.Boolean(), nullable=False),
        sa.Column("need_confirm", sa.Boolean(), nullable=False),
        sa.Column("multi_module", sa.Boolean(), nullable=False),
        sa.Column("download_protocol", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("selected_up_to", KEY, nullable=False),
        sa.Column("select_up_to", KEY, nullable=False),
        sa.Column("next_push_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("schedule_at", sa.BigInteger(), nullable=True),
        sa.Column("finish_at", sa.BigInteger(), nullable=True),
        sa.Column("retry_interval_minutes", sa.Integer(), nullable=True),
        sa.Column("retry_count", sa.SmallInteger(), nullable=True),
        sa.Column("gray_share", sa.Integer(), nullable=True),
        sa.Column("looked_at", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("group_id", sa.Text(), nullable=True),
        sa.Column("dynamic_mode", sa.SmallInteger(), nullable=True),
        sa.Column("list_key", sa.Text(), nullable=True),
        sa.Column("unknown_names", sa.Integer(), server_default="0", nullable=False),
        sa.Column("unknown_sample", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ending_states", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("ending_event", sa.Text(), nullable=True),
        sa.Column("paused_at", sa.BigInteger(), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=True),
        sa.Column("controls", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("stage", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("push_budget", sa.Integer(), nullable=True),
        sa.Column("push_rate", sa.Integer(), nullable=True),
        sa.Column("counts_at_resume", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_jobs_instance_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["list_key"], ["objects.key"], name=op.f("fk_jobs_list_key"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_jobs_package_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_jobs_product_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("job_id", name=op.f("uq_jobs_job_id")),
    )
    op.create_index(
        "ix_jobs_ending",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("ending_states IS NOT NULL"),
        postgresql_where=sa.text("ending_states IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_finishing",
        "jobs",
        ["finish_at"],
        unique=False,
        sqlite_where=sa.text("finish_at IS NOT NULL AND status = 'IN_PROGRESS'"),
        postgresql_where=sa.text("finish_at IS NOT NULL AND status = 'IN_PROGRESS'"),
    )
    op.create_index(
        "ix_jobs_list_key",
        "jobs",
        ["list_key"],
        unique=False,
        sqlite_where=sa.text("list_key IS NOT NULL"),
        postgresql_where=sa.text("list_key IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_live",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("started_at IS NOT NULL AND ended_at IS NULL"),
        postgresql_where=sa.text("started_at IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_index(
        "ix_jobs_matching",
        "jobs",
        ["product_id"],
        unique=False,
        sqlite_where=sa.text("selection = 'DYNAMIC' AND status = 'IN_PROGRESS'"),
        postgresql_where=sa.text("selection = 'DYNAMIC' AND status = 'IN_PROGRESS'"),
    )
    op.create_index("ix_jobs_package_id_id", "jobs", ["package_id", "id"], unique=False)
    op.create_index(
        "ix_jobs_planned",
        "jobs",
        ["schedule_at"],
        unique=False,
        sqlite_where=sa.text("status = 'PLANNED'"),
        postgresql_where=sa.text("status = 'PLANNED'"),
    )
    op.create_index(
        "ix_jobs_selecting",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("selected_up_to < select_up_to"),
        postgresql_where=sa.text("selected_up_to < select_up_to"),
    )
    op.create_index(
        "ix_jobs_steered",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("controls IS NOT NULL AND started_at IS NOT NULL AND ended_at IS NULL"),
        postgresql_where=sa.text("controls IS NOT NULL AND started_at IS NOT NULL AND ended_at IS NULL"),
    )
    op.create_index(
        "uq_jobs_running_dynamic",
        "jobs",
        ["package_id"],
        unique=True,
        sqlite_where=sa.text("selection = 'DYNAMIC' AND status = 'IN_PROGRESS'"),
        postgresql_where=sa.text("selection = 'DYNAMIC' AND status = 'IN_PROGRESS'"),
    )
    op.create_index(
        "uq_jobs_running_verification",
        "jobs",
        ["package_id"],
        unique=True,
        sqlite_where=sa.text("type = 'VERIFY_FIRMWARE' AND status = 'IN_PROGRESS'"),
        postgresql_where=sa.text("type = 'VERIFY_FIRMWARE' AND status = 'IN_PROGRESS'"),
    )
    op.create_table(
        "package_files",
        sa.Column("package_id", KEY, nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("object_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sign", sa.Text(), nullable=False),
        sa.Column("md5", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["object_key"], ["objects.key"], name=op.f("fk_package_files_object_key")),
        sa.ForeignKeyConstraint(
            ["package_id"], ["packages.id"], name=op.f("fk_package_files_package_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("package_id", "position", name=op.f("pk_package_files")),
    )
    op.create_index(op.f("ix_package_files_object_key"), "package_files", ["object_key"], unique=False)
    op.create_table(
        "tasks",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("package_id", KEY, nullable=False),
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("src_version", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("progress", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("dispatch_at", sa.BigInteger(), nullable=True),
        sa.Column("notified_at", sa.BigInteger(), nullable=True),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("retry_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("timeout_minutes", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_tasks_device_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_tasks_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_tasks_deadline",
        "tasks",
        ["deadline_at"],
        unique=False,
        sqlite_where=sa.text("deadline_at IS NOT NULL AND status < 100"),
        postgresql_where=sa.text("deadline_at IS NOT NULL AND status < 100"),
    )
    op.create_index("ix_tasks_device_id", "tasks", ["device_id"], unique=False)
    op.create_index(
        "ix_tasks_due",
        "tasks",
        ["job_id", "status", "dispatch_at"],
        unique=False,
        sqlite_where=sa.text("dispatch_at IS NOT NULL"),
        postgresql_where=sa.text("dispatch_at IS NOT NULL"),
    )
    op.create_index("ix_tasks_job_id_id", "tasks", ["job_id", "id"], unique=False)
    op.create_index("ix_tasks_job_id_status_id", "tasks", ["job_id", "status", "id"], unique=False)
    op.create_index(
        "uq_tasks_open_device_id_module",
        "tasks",
        ["device_id", "module"],
        unique=True,
        sqlite_where=sa.text("status < 100"),
        postgresql_where=sa.text("status < 100"),
    )
    op.create_table(
        "task_history",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("task_id", KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_history_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_history")),
    )
    op.create_index(op.f("ix_task_history_task_id"), "task_history", ["task_id"], unique=False)


def downgrade() -> None:
    """Takes the change back."""
    for table in (
        "task_history",
        "tasks",
        "package_files",
        "jobs",
        "packages",
        "outbox",
        "modules",
        "subscriptions",
        "objects",
    ):
        op.drop_table(table)
