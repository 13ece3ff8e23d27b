"""Tables of products, devices, groups and tags."""

from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from skyferry.store.tables.base import half_of_key, key, metadata, ref, time

products = Table(
    "products",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
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
    time("created_at"),
    time("modified_at"),
    time("deleted_at", nullable=True),
    UniqueConstraint("instance_id", "name"),
    Index("ix_products_instance_id_id", "instance_id", "id"),
)
"""A product with `deleted_at` is deleted: it has given its name back, no look-up finds it or its devices any more, and
the worker removes what belongs to it, its own row at last."""
product_is_kept: Final = products.c.deleted_at.is_(None)
Index(
    "ix_products_deleted",
    products.c.id,
    sqlite_where=products.c.deleted_at.is_not(None),
    postgresql_where=products.c.deleted_at.is_not(None),
)

device_batches = Table(
    "device_batches",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    ref("product_id", "products.id"),
    Column("wanted", Integer, nullable=False),
    Column("status", Text, nullable=False),
    time("created_at"),
    Index(
        "ix_device_batches_status",
        "status",
        sqlite_where=Column("status") == "CREATE",
        postgresql_where=Column("status") == "CREATE",
    ),
)
"""Asynchronous registrations: the row's key is the `ApplyId`."""

device_batch_names = Table(
    "device_batch_names",
    metadata,
    half_of_key("batch_id", "device_batches.id"),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("nickname", Text),
    sqlite_with_rowid=False,
)
"""The names that a registration is for, as BatchCheckDeviceNames took them; none when names are to be made up."""

devices = Table(
    "devices",
    metadata,
    key(),
    ref("product_id", "products.id"),
    Column("name", Text, nullable=False),
    Column("iot_id", Text, nullable=False, unique=True),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("nickname", Text),
    Column("disabled", Boolean, nullable=False, server_default="0"),
    Column("connection_id", Text),
    Column("address", Text),
    time("activated_at", nullable=True),
    time("online_at", nullable=True),
    time("status_at"),
    time("created_at"),
    time("modified_at"),
    ref("batch_id", "device_batches.id", nullable=True),
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
    devices.c.product_id,
    devices.c.id,
    sqlite_where=devices.c.connection_id.is_not(None),
    postgresql_where=devices.c.connection_id.is_not(None),
)

module_versions = Table(
    "module_versions",
    metadata,
    half_of_key("device_id", "devices.id"),
    Column("module", Text, primary_key=True),
    Column("version", Text, nullable=False),
    time("reported_at"),
    sqlite_with_rowid=False,
)
"""The version of each module as last reported by the device."""

groups = Table(
    "groups",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    Column("group_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("type", Text, nullable=False),
    ref("parent_id", "groups.id", nullable=True, ondelete="RESTRICT"),
    Column("level", SmallInteger, nullable=False),
    Column("expression", Text),
    time("created_at"),
    time("modified_at"),
    UniqueConstraint("instance_id", "name"),
    Index("ix_groups_instance_id_id", "instance_id", "id"),
    Index(None, "parent_id"),
    CheckConstraint("type IN ('LINK_PLATFORM', 'LINK_PLATFORM_DYNAMIC')", name="type"),
)
"""Groups of devices: static ones hold members, up to three levels deep; dynamic ones hold an expression."""

group_members = Table(
    "group_members",
    metadata,
    half_of_key("group_id", "groups.id"),
    half_of_key("device_id", "devices.id"),
    Index(None, "device_id"),
    sqlite_with_rowid=False,
)
"""Devices of static groups."""

device_tags = Table(
    "device_tags",
    metadata,
    half_of_key("device_id", "devices.id"),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "key", "value"),
    sqlite_with_rowid=False,
)
