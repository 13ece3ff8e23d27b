"""An index that leads from a version to the devices that run it.

Revision: 0012, after 0011. Written 2026-11-27.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_index("ix_module_versions_version_device_id", "module_versions", ["version", "device_id"])


def downgrade() -> None:
    """Takes the change back."""
    op.drop_index("ix_module_versions_version_device_id", table_name="module_versions")
