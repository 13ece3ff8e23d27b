"""What hawkBit devices need: the attributes that they report, and the SHA-1 of files.

Revision: 0006, after 0005. Written 2026-11-27.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "device_attributes",
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_attributes_device_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", "key", name=op.f("pk_device_attributes")),
        sqlite_with_rowid=False,
    )
    op.add_column("objects", sa.Column("sha1", sa.Text(), nullable=True))


def downgrade() -> None:
    """Takes the change back."""
    op.drop_column("objects", "sha1")
    op.drop_table("device_attributes")
