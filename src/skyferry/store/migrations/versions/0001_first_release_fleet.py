"""The schema of the first release: accounts, products and devices.

Revision: 0001, after None. Written 2026-11-24.
"""

import sqlalchemy as sa
from alembic import op

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the change."""
    op.create_table(
        "accounts",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_accounts")),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
        sa.UniqueConstraint("uid", name=op.f("uq_accounts_uid")),
    )
    op.create_table(
        "instances",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("cancel_by_device", sa.Text(), server_default="pending", nullable=False),
        sa.Column("object_prefix", sa.Text(), nullable=False),
        sa.Column("upload_key_id", sa.Text(), nullable=False),
        sa.Column("upload_key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("cancel_by_device IN ('pending', 'open')", name=op.f("ck_instances_cancel_by_device")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_instances_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_instances_account_id_name")),
        sa.UniqueConstraint("object_prefix", name=op.f("uq_instances_object_prefix")),
        sa.UniqueConstraint("upload_key_id", name=op.f("uq_instances_upload_key_id")),
    )
    op.create_index(
        "uq_instances_default",
        "instances",
        ["account_id"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "policies",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_policies_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_policies_account_id_name")),
    )
    op.create_table(
        "ram_users",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_ram_users_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ram_users")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_ram_users_account_id_name")),
    )
    op.create_table(
        "roles",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("role_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("longest_session_seconds", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_roles_account_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roles")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_roles_account_id_name")),
        sa.UniqueConstraint("role_id", name=op.f("uq_roles_role_id")),
    )
    op.create_table(
        "access_keys",
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("ram_user_id", KEY, nullable=True),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_access_keys_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ram_user_id"], ["ram_users.id"], name=op.f("fk_access_keys_ram_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("access_key_id", name=op.f("pk_access_keys")),
    )
    op.create_index(op.f("ix_access_keys_account_id"), "access_keys", ["account_id"], unique=False)
    op.create_table(
        "audit_records",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("account_id", KEY, nullable=False),
        sa.Column("instance_id", KEY, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("access_key_id", sa.Text(), nullable=False),
        sa.Column("source_address", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name=op.f("fk_audit_records_account_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_audit_records_instance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_records")),
    )
    op.create_index("ix_audit_records_account_id_id", "audit_records", ["account_id", "id"], unique=False)
    op.create_index(op.f("ix_audit_records_at"), "audit_records", ["at"], unique=False)
    op.create_index(op.f("ix_audit_records_request_id"), "audit_records", ["request_id"], unique=True)
    op.create_table(
        "groups",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("group_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("parent_id", KEY, nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("expression", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("type IN ('LINK_PLATFORM', 'LINK_PLATFORM_DYNAMIC')", name=op.f("ck_groups_type")),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_groups_instance_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["groups.id"], name=op.f("fk_groups_parent_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_groups")),
        sa.UniqueConstraint("group_id", name=op.f("uq_groups_group_id")),
        sa.UniqueConstraint("instance_id", "name", name=op.f("uq_groups_instance_id_name")),
    )
    op.create_index("ix_groups_instance_id_id", "groups", ["instance_id", "id"], unique=False)
    op.create_index(op.f("ix_groups_parent_id"), "groups", ["parent_id"], unique=False)
    op.create_table(
        "policy_attachments",
        sa.Column("policy_id", KEY, nullable=False),
        sa.Column("ram_user_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policies.id"], name=op.f("fk_policy_attachments_policy_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["ram_user_id"], ["ram_users.id"], name=op.f("fk_policy_attachments_ram_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("policy_id", "ram_user_id", name=op.f("pk_policy_attachments")),
    )
    op.create_index(op.f("ix_policy_attachments_ram_user_id"), "policy_attachments", ["ram_user_id"], unique=False)
    op.create_table(
        "products",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("product_key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("node_type", sa.SmallInteger(), nullable=False),
        sa.Column("commodity_code", sa.Text(), nullable=False),
        sa.Column("data_format", sa.SmallInteger(), nullable=True),
        sa.Column("net_type", sa.SmallInteger(), nullable=False),
        sa.Column("auth_type", sa.Text(), nullable=False),
        sa.Column("protocol_type", sa.Text(), nullable=True),
        sa.Column("category_key", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("id2", sa.Boolean(), nullable=False),
        sa.Column("validate_type", sa.SmallInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_products_instance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("instance_id", "name", name=op.f("uq_products_instance_id_name")),
        sa.UniqueConstraint("product_key", name=op.f("uq_products_product_key")),
    )
    op.create_index(
        "ix_products_deleted",
        "products",
        ["id"],
        unique=False,
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_index("ix_products_instance_id_id", "products", ["instance_id", "id"], unique=False)
    op.create_table(
        "role_policies",
        sa.Column("policy_id", KEY, nullable=False),
        sa.Column("role_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policies.id"], name=op.f("fk_role_policies_policy_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["role_id"], ["roles.id"], name=op.f("fk_role_policies_role_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("policy_id", "role_id", name=op.f("pk_role_policies")),
    )
    op.create_index(op.f("ix_role_policies_role_id"), "role_policies", ["role_id"], unique=False)
    op.create_table(
        "device_batches",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_device_batches_instance_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_device_batches_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_batches")),
    )
    op.create_index(op.f("ix_device_batches_product_id"), "device_batches", ["product_id"], unique=False)
    op.create_index(
        "ix_device_batches_unfinished",
        "device_batches",
        ["id"],
        unique=False,
        sqlite_where=sa.text("status IN ('CHECK', 'CREATE')"),
        postgresql_where=sa.text("status IN ('CHECK', 'CREATE')"),
    )
    op.create_table(
        "device_batch_names",
        sa.Column("batch_id", KEY, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("nickname", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["device_batches.id"], name=op.f("fk_device_batch_names_batch_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("batch_id", "position", name=op.f("pk_device_batch_names")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "devices",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("iot_id", sa.Text(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("nickname", sa.Text(), nullable=True),
        sa.Column("disabled", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("connection_id", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("activated_at", sa.BigInteger(), nullable=True),
        sa.Column("online_at", sa.BigInteger(), nullable=True),
        sa.Column("status_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("batch_id", KEY, nullable=True),
        sa.Column(
            "state",
            sa.SmallInteger(),
            sa.Computed(
                "CASE WHEN disabled AND activated_at IS NULL THEN 9 WHEN disabled THEN 8 WHEN connection_id IS NOT NULL THEN 1 WHEN activated_at IS NULL THEN 0 ELSE 3 END",
                persisted=True,
            ),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["device_batches.id"], name=op.f("fk_devices_batch_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("fk_devices_product_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_devices")),
        sa.UniqueConstraint("iot_id", name=op.f("uq_devices_iot_id")),
        sa.UniqueConstraint("product_id", "name", name=op.f("uq_devices_product_id_name")),
    )
    op.create_index(
        "ix_devices_batch_id_id",
        "devices",
        ["batch_id", "id"],
        unique=False,
        sqlite_where=sa.text("batch_id IS NOT NULL"),
        postgresql_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        "ix_devices_connected",
        "devices",
        ["product_id", "id"],
        unique=False,
        sqlite_where=sa.text("connection_id IS NOT NULL"),
        postgresql_where=sa.text("connection_id IS NOT NULL"),
    )
    op.create_index("ix_devices_product_id_id", "devices", ["product_id", "id"], unique=False)
    op.create_index("ix_devices_product_id_state_id", "devices", ["product_id", "state", "id"], unique=False)
    op.create_table(
        "device_tags",
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_device_tags_device_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_device_tags_instance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", "key", name=op.f("pk_device_tags")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_device_tags_search", "device_tags", ["instance_id", "key", "value", "device_id"], unique=False)
    op.create_table(
        "group_members",
        sa.Column("group_id", KEY, nullable=False),
        sa.Column("device_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_group_members_device_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_group_members_group_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "device_id", name=op.f("pk_group_members")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_group_members_device_id"), "group_members", ["device_id"], unique=False)
    op.create_table(
        "module_versions",
        sa.Column("device_id", KEY, nullable=False),
        sa.Column("module", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"], ["devices.id"], name=op.f("fk_module_versions_device_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("device_id", "module", name=op.f("pk_module_versions")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Takes the change back."""
    for table in (
        "module_versions",
        "group_members",
        "device_tags",
        "devices",
        "device_batch_names",
        "device_batches",
        "role_policies",
        "products",
        "policy_attachments",
        "groups",
        "audit_records",
        "access_keys",
        "roles",
        "ram_users",
        "policies",
        "instances",
        "accounts",
    ):
        op.drop_table(table)
