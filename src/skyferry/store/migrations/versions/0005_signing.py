"""The keys that sign packages, and the signed lists of packages.

Revision: 0005, after 0004. Written 2026-11-27.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "signing_keys",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("public_pem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_signing_keys_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_keys")),
        sa.UniqueConstraint("product_id", "key_id", name=op.f("uq_signing_keys_product_id_key_id")),
    )
    op.create_index(
        "uq_signing_keys_active",
        "signing_keys",
        ["product_id"],
        unique=True,
        sqlite_where=sa.text("retired_at IS NULL"),
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    op.create_table(
        "tuf_repositories",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_tuf_repositories_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("pk_tuf_repositories")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_tuf_repositories_due_at"), "tuf_repositories", ["due_at"])
    op.create_table(
        "tuf_keys",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("private_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_tuf_keys_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "key_id", name=op.f("pk_tuf_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tuf_metadata",
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_tuf_metadata_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("product_id", "role", "version", name=op.f("pk_tuf_metadata")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Takes the change back."""
    for table in ("tuf_metadata", "tuf_keys", "tuf_repositories", "signing_keys"):
        op.drop_table(table)
