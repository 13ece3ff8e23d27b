"""The schema of the first release.

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
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_products_instance_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("instance_id", "name", name=op.f("uq_products_instance_id_name")),
        sa.UniqueConstraint("product_key", name=op.f("uq_products_product_key")),
    )
    op.create_index("ix_products_instance_id_id", "products", ["instance_id", "id"], unique=False)
    op.create_table(
        "device_batches",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("product_id", KEY, nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
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
    op.create_index(
        "ix_device_batches_status",
        "device_batches",
        ["status"],
        unique=False,
        sqlite_where=sa.text("status = 'CREATE'"),
        postgresql_where=sa.text("status = 'CREATE'"),
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
    op.create_index("ix_packages_instance_id_id", "packages", ["instance_id", "id"], unique=False)
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
        sa.ForeignKeyConstraint(
            ["batch_id"], ["device_batches.id"], name=op.f("fk_devices_batch_id"), ondelete="CASCADE"
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
        ["id"],
        unique=False,
        sqlite_where=sa.text("connection_id IS NOT NULL"),
        postgresql_where=sa.text("connection_id IS NOT NULL"),
    )
    op.create_index("ix_devices_product_id_id", "devices", ["product_id", "id"], unique=False)
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
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["instance_id"], ["instances.id"], name=op.f("fk_jobs_instance_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_jobs_package_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_jobs_product_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("job_id", name=op.f("uq_jobs_job_id")),
    )
    op.create_index("ix_jobs_package_id_id", "jobs", ["package_id", "id"], unique=False)
    op.create_index(
        "ix_jobs_running",
        "jobs",
        ["id"],
        unique=False,
        sqlite_where=sa.text("status = 'IN_PROGRESS'"),
        postgresql_where=sa.text("status = 'IN_PROGRESS'"),
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
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name=op.f("fk_tasks_device_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_tasks_job_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["package_id"], ["packages.id"], name=op.f("fk_tasks_package_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
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
        ["job_id", "dispatch_at"],
        unique=False,
        sqlite_where=sa.text("dispatch_at IS NOT NULL"),
        postgresql_where=sa.text("dispatch_at IS NOT NULL"),
    )
    op.create_index("ix_tasks_job_id_status_id", "tasks", ["job_id", "status", "id"], unique=False)
    # After ix_tasks_device_id: of indexes that serve equally well SQLite takes the newest, and this one is the smaller.
    op.create_index(
        "uq_tasks_open_device_id_module",
        "tasks",
        ["device_id", "module"],
        unique=True,
        sqlite_where=sa.text("status < 100"),
        postgresql_where=sa.text("status < 100"),
    )


def downgrade() -> None:
    """Takes the change back."""
    for table in (
        "tasks",
        "module_versions",
        "package_files",
        "jobs",
        "devices",
        "packages",
        "device_batches",
        "products",
        "policy_attachments",
        "objects",
        "access_keys",
        "ram_users",
        "policies",
        "instances",
        "accounts",
    ):
        op.drop_table(table)
