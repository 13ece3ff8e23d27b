"""Which files hold tasks that were archived.

Revision: 0013, after 0012. Written 2026-11-27.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "task_archives",
        sa.Column("job_id", KEY, sa.ForeignKey("jobs.id", name="fk_task_archives_job_id", ondelete="CASCADE")),
        sa.Column("first_task", KEY, autoincrement=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("tasks", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "first_task", name="pk_task_archives"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Takes the change back."""
    op.drop_table("task_archives")
