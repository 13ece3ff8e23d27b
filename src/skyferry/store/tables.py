"""The schema. Invariants are constraints here, not code elsewhere; times are milliseconds since the Unix epoch.

Task states are the numbers of `skyferry.ota.states.TaskStatus`: every open state is below 100 and every final state
is above, so that "open" stays a range comparison and can stand in a partial index.
"""

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

OPEN_BELOW: Final = 100
"""Task states below this number are open."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_Key = BigInteger().with_variant(Integer, "sqlite")


def _key() -> Column[int]:
    return Column("id", _Key, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, _Key, ForeignKey(target, ondelete="CASCADE"), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


accounts = Table(
    "accounts",
    metadata,
    _key(),
    Column("uid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False, unique=True),
    _time("created_at"),
)

instances = Table(
    "instances",
    metadata,
    _key(),
    _ref("account_id", "accounts.id"),
    Column("name", Text, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("cancel_by_device", Text, nullable=False, server_default="pending"),
    Column("object_prefix", Text, nullable=False, unique=True),
    Column("upload_key_id", Text, nullable=False, unique=True),
    Column("upload_key_sealed", LargeBinary, nullable=False),
    _time("created_at"),
    UniqueConstraint("account_id", "name"),
    CheckConstraint("cancel_by_device IN ('pending', 'open')", name="cancel_by_device"),
)
Index(
    "uq_instances_default",
    instances.c.account_id,
    unique=True,
    sqlite_where=instances.c.is_default,
    postgresql_where=instances.c.is_default,
)

ram_users = Table(
    "ram_users",
    metadata,
    _key(),
    _ref("account_id", "accounts.id"),
    Column("name", Text, nullable=False),
    _time("created_at"),
    UniqueConstraint("account_id", "name"),
)

access_keys = Table(
    "access_keys",
    metadata,
    Column("access_key_id", Text, primary_key=True),
    _ref("account_id", "accounts.id"),
    _ref("ram_user_id", "ram_users.id", nullable=True),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
    _time("created_at"),
    Index(None, "account_id"),
)

policies = Table(
    "policies",
    metadata,
    _key(),
    _ref("account_id", "accounts.id"),
    Column("name", Text, nullable=False),
    Column("document", JSON, nullable=False),
    _time("created_at"),
    UniqueConstraint("account_id", "name"),
)

policy_attachments = Table(
    "policy_attachments",
    metadata,
    Column("policy_id", _Key, ForeignKey("policies.id", ondelete="CASCADE"), primary_key=True),
    Column("ram_user_id", _Key, ForeignKey("ram_users.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "ram_user_id"),
)

products = Table(
    "products",
    metadata,
    _key(),
    _ref("instance_id", "instances.id"),
    Column("product_key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("node_type", SmallInteger, nullable=False),
    Column("commodity_code", Text, nullable=False),
    Column("data_format", SmallInteger),
    Column("net_type", SmallInteger, nullable=False),
    Column("auth_type", Text, nullable=False),
    Column("protocol_type", Text),
    Column("category_key", Text),
    Column("description", Text),
    Column("id2", Boolean, nullable=False),
    Column("validate_type", SmallInteger, nullable=False),
    Column("status", Text, nullable=False),
    _time("created_at"),
    _time("modified_at"),
    UniqueConstraint("instance_id", "name"),
    Index("ix_products_instance_id_id", "instance_id", "id"),
)

device_batches = Table(
    "device_batches",
    metadata,
    _key(),
    _ref("instance_id", "instances.id"),
    _ref("product_id", "products.id"),
    Column("wanted", Integer, nullable=False),
    Column("status", Text, nullable=False),
    _time("created_at"),
    Index(
        "ix_device_batches_status",
        "status",
        sqlite_where=Column("status") == "CREATE",
        postgresql_where=Column("status") == "CREATE",
    ),
)
"""Asynchronous registrations: the row's key is the `ApplyId`."""

devices = Table(
    "devices",
    metadata,
    _key(),
    _ref("product_id", "products.id"),
    Column("name", Text, nullable=False),
    Column("iot_id", Text, nullable=False, unique=True),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("nickname", Text),
    Column("disabled", Boolean, nullable=False, server_default="0"),
    Column("connection_id", Text),
    Column("address", Text),
    _time("activated_at", nullable=True),
    _time("online_at", nullable=True),
    _time("status_at"),
    _time("created_at"),
    _time("modified_at"),
    _ref("batch_id", "device_batches.id", nullable=True),
    UniqueConstraint("product_id", "name"),
    Index("ix_devices_product_id_id", "product_id", "id"),
)
"""A device is online while `connection_id` is set; it was never online while `activated_at` is empty."""
Index(
    "ix_devices_batch_id_id",
    devices.c.batch_id,
    devices.c.id,
    sqlite_where=devices.c.batch_id.is_not(None),
    postgresql_where=devices.c.batch_id.is_not(None),
)
Index(
    "ix_devices_connected",
    devices.c.id,
    sqlite_where=devices.c.connection_id.is_not(None),
    postgresql_where=devices.c.connection_id.is_not(None),
)

module_versions = Table(
    "module_versions",
    metadata,
    Column("device_id", _Key, ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    Column("module", Text, primary_key=True),
    Column("version", Text, nullable=False),
    _time("reported_at"),
    sqlite_with_rowid=False,
)
"""The version of each module as last reported by the device."""

objects = Table(
    "objects",
    metadata,
    Column("key", Text, primary_key=True),
    _ref("instance_id", "instances.id"),
    Column("size", BigInteger, nullable=False),
    Column("md5", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("crc64", Text, nullable=False),
    _time("created_at"),
    Index(None, "created_at"),
)
"""Uploaded files. A file that no package refers to is removed after an hour."""

packages = Table(
    "packages",
    metadata,
    _key(),
    _ref("instance_id", "instances.id"),
    _ref("product_id", "products.id"),
    Column("firmware_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("module", Text, nullable=False),
    Column("dest_version", Text, nullable=False),
    Column("src_version", Text),
    Column("type", SmallInteger, nullable=False),
    Column("sign_method", Text, nullable=False),
    Column("description", Text),
    Column("udi", Text),
    Column("status", SmallInteger, nullable=False),
    Column("multi_file", Boolean, nullable=False),
    _time("created_at"),
    _time("modified_at"),
    UniqueConstraint("instance_id", "name"),
    UniqueConstraint("product_id", "dest_version"),
    Index("ix_packages_instance_id_id", "instance_id", "id"),
)

package_files = Table(
    "package_files",
    metadata,
    Column("package_id", _Key, ForeignKey("packages.id", ondelete="CASCADE"), primary_key=True),
    Column("position", SmallInteger, primary_key=True),
    Column("object_key", Text, ForeignKey("objects.key"), nullable=False),
    Column("name", Text),
    Column("size", BigInteger, nullable=False),
    Column("sign", Text, nullable=False),
    Column("md5", Text, nullable=False),
    Index(None, "object_key"),
)

jobs = Table(
    "jobs",
    metadata,
    _key(),
    _ref("instance_id", "instances.id"),
    _ref("product_id", "products.id"),
    _ref("package_id", "packages.id"),
    Column("job_id", Text, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("selection", Text, nullable=False),
    Column("target_selection", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("src_versions", JSON, nullable=False),
    Column("timeout_minutes", Integer),
    Column("maximum_per_minute", Integer, nullable=False),
    Column("overwrite_mode", SmallInteger, nullable=False),
    Column("need_push", Boolean, nullable=False),
    Column("need_confirm", Boolean, nullable=False),
    Column("multi_module", Boolean, nullable=False),
    Column("download_protocol", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("selected_up_to", _Key, nullable=False),
    Column("select_up_to", _Key, nullable=False),
    Column("next_push_at", BigInteger, nullable=False, server_default="0"),
    _time("created_at"),
    _time("modified_at"),
    _time("started_at", nullable=True),
    _time("ended_at", nullable=True),
    Index("ix_jobs_package_id_id", "package_id", "id"),
)
"""Devices of the job's product with a key above `selected_up_to` and up to `select_up_to` still wait for their task.
The job's rate allows its next push at `next_push_at`."""
job_is_running: Final = jobs.c.status == literal_column("'IN_PROGRESS'")
"""Written as literals, not as bound values, so that a planner sees that the partial indexes serve."""
Index(
    "uq_jobs_running_verification",
    jobs.c.package_id,
    unique=True,
    sqlite_where=(jobs.c.type == "VERIFY_FIRMWARE") & job_is_running,
    postgresql_where=(jobs.c.type == "VERIFY_FIRMWARE") & job_is_running,
)
Index(
    "ix_jobs_running",
    jobs.c.id,
    sqlite_where=job_is_running,
    postgresql_where=job_is_running,
)
Index(
    "ix_jobs_selecting",
    jobs.c.id,
    sqlite_where=jobs.c.selected_up_to < jobs.c.select_up_to,
    postgresql_where=jobs.c.selected_up_to < jobs.c.select_up_to,
)

tasks = Table(
    "tasks",
    metadata,
    _key(),
    _ref("job_id", "jobs.id"),
    _ref("package_id", "packages.id"),
    _ref("device_id", "devices.id"),
    Column("module", Text, nullable=False),
    Column("src_version", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("progress", SmallInteger, nullable=False, server_default="0"),
    Column("description", Text, nullable=False, server_default=""),
    _time("dispatch_at", nullable=True),
    _time("notified_at", nullable=True),
    _time("deadline_at", nullable=True),
    _time("created_at"),
    _time("modified_at"),
    Index("ix_tasks_job_id_status_id", "job_id", "status", "id"),
    Index("ix_tasks_device_id", "device_id"),
)
"""One device in one job. `dispatch_at` is when the next push is due; empty while nothing is to be sent.
`deadline_at` is when the task times out; it is set by the first progress report."""
task_is_open: Final = tasks.c.status < literal_column(str(OPEN_BELOW))
Index(
    "uq_tasks_open_device_id_module",
    tasks.c.device_id,
    tasks.c.module,
    unique=True,
    sqlite_where=task_is_open,
    postgresql_where=task_is_open,
)
Index(
    "ix_tasks_due",
    tasks.c.job_id,
    tasks.c.dispatch_at,
    sqlite_where=tasks.c.dispatch_at.is_not(None),
    postgresql_where=tasks.c.dispatch_at.is_not(None),
)
Index(
    "ix_tasks_deadline",
    tasks.c.deadline_at,
    sqlite_where=tasks.c.deadline_at.is_not(None) & task_is_open,
    postgresql_where=tasks.c.deadline_at.is_not(None) & task_is_open,
)
