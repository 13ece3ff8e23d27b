"""How devices are known besides their secret, what a product says of its devices, how often tasks were pushed.

Revision: 0003, after 0002. Written 2026-11-27.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.add_column("products", sa.Column("dynamic_registration", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("products", sa.Column("device_protocol", sa.Text(), server_default="link", nullable=False))
    op.add_column("products", sa.Column("download_base", sa.Text(), nullable=True))
    op.add_column("products", sa.Column("secure_update", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("products", sa.Column("gateway_token_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("tasks", sa.Column("pushes", sa.SmallInteger(), server_default="0", nullable=False))
    op.create_table(
        "device_registrations",
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_registrations_device_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_registrations")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "device_certificates",
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_certificates_device_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_device_certificates")),
        sa.UniqueConstraint("digest", name=op.f("uq_device_certificates_digest")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "topology",
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("gateway_id", KEY, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_topology_device_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["gateway_id"], ["devices.id"], name=op.f("fk_topology_gateway_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_topology")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_topology_gateway_id_device_id", "topology", ["gateway_id", "device_id"], unique=False)
    op.create_table(
        "disconnections",
        sa.Column("device_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_disconnections_device_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_disconnections")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Takes the change back."""
    for table in ("disconnections", "topology", "device_certificates", "device_registrations"):
        op.drop_table(table)
    op.drop_column("tasks", "pushes")
    op.drop_column("products", "gateway_token_sealed")
    op.drop_column("products", "secure_update")
    op.drop_column("products", "download_base")
    op.drop_column("products", "device_protocol")
    op.drop_column("products", "dynamic_registration")
