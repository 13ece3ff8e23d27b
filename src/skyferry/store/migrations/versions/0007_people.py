"""People who sign in to the console: their passwords and their browsers.

Revision: 0007, after 0006. Written 2026-11-27.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "passwords",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("ram_user_id", KEY, nullable=True),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("totp_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_passwords_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ram_user_id"], ["ram_users.id"], name=op.f("fk_passwords_ram_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passwords")),
        sa.UniqueConstraint("ram_user_id", name=op.f("uq_passwords_ram_user_id")),
    )
    op.create_index(
        "uq_passwords_account",
        "passwords",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("ram_user_id IS NULL"),
        postgresql_where=sa.text("ram_user_id IS NULL"),
    )
    op.create_table(
        "console_sessions",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("password_id", KEY, nullable=False),
        sa.Column("source_address", sa.Text(), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["password_id"], ["passwords.id"], name=op.f("fk_console_sessions_password_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_console_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_console_sessions_token_hash")),
    )
    op.create_index(op.f("ix_console_sessions_password_id"), "console_sessions", ["password_id"])
    op.create_index(op.f("ix_console_sessions_expires_at"), "console_sessions", ["expires_at"])


def downgrade() -> None:
    """Takes the change back."""
    op.drop_table("console_sessions")
    op.drop_table("passwords")
