"""Counters of ended tasks and of versions, beginning with what is there; jobs are listed by their instance.

Revision: 0008, after 0007. Written 2026-11-27.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "task_endings",
        sa.Column("job_id", KEY, nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_task_endings_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "hour", "status", "cause", name=op.f("pk_task_endings")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_task_endings_hour", "task_endings", ["hour"])
    op.create_table(
        "version_counts",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("devices", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_version_counts_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "module", "version", name=op.f("pk_version_counts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_jobs_instance_id_id", "jobs", ["instance_id", "id"])
    op.create_index("ix_jobs_instance_id_status_id", "jobs", ["instance_id", "status", "id"])
    op.execute(
        "INSERT INTO task_endings (job_id, hour, status, cause, number) "
        "SELECT job_id, modified_at / 3600000, status, CASE WHEN status = 120 THEN substr(description, 1, 128) "
        "ELSE '' END, count(*) FROM tasks WHERE status IN (110, 120) GROUP BY 1, 2, 3, 4"
    )
    op.execute(
        "INSERT INTO version_counts (product_id, module, version, devices) "
        "SELECT devices.product_id, module_versions.module, module_versions.version, count(*) FROM module_versions "
        "JOIN devices ON devices.id = module_versions.device_id GROUP BY 1, 2, 3"
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_index("ix_jobs_instance_id_status_id", "jobs")
    op.drop_index("ix_jobs_instance_id_id", "jobs")
    op.drop_table("version_counts")
    op.drop_table("task_endings")
