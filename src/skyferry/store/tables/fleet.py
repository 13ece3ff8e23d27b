"""Tables of products, devices, groups and tags."""

from enum import IntEnum
from typing import Final

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
)

from skyferry.store.tables.base import TEXT, half_of_key, key, metadata, ref, time

products = Table(
    "products",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    Column("product_key", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("node_type", SmallInteger, nullable=False),
    Column("commodity_code", TEXT, nullable=False),
    Column("data_format", SmallInteger),
    Column("net_type", SmallInteger, nullable=False),
    Column("auth_type", TEXT, nullable=False),
    Column("protocol_type", TEXT),
    Column("category_key", TEXT),
    Column("description", TEXT),
    Column("id2", Boolean, nullable=False),
    Column("validate_type", SmallInteger, nullable=False),
    Column("status", TEXT, nullable=False),
    Column("dynamic_registration", SmallInteger, nullable=False, server_default="0"),
    Column("device_protocol", TEXT, nullable=False, server_default="link"),
    Column("download_base", TEXT),
    Column("secure_update", Boolean, nullable=False, server_default="0"),
    Column("gateway_token_sealed", LargeBinary),
    time("created_at"),
    time("modified_at"),
    time("deleted_at", nullable=True),
    UniqueConstraint("instance_id", "name"),
    Index("ix_products_instance_id_id", "instance_id", "id"),
)
"""A product with `deleted_at` is deleted: it has given its name back, no look-up finds it or its devices any more, and
the worker removes what belongs to it, its own row at last. `dynamic_registration` is 0 for none, 1 for devices that
were registered before, 2 for unknown ones too; `device_protocol` is `link` or `hawkbit`, and `gateway_token_sealed` is
what hawkBit devices of the product may log in with together; `download_base` stands for the server's own in URLs."""
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
    Column("named", Boolean, nullable=False),
    Column("wanted", Integer, nullable=False),
    Column("done", Integer, nullable=False, server_default="0"),
    Column("status", TEXT, nullable=False),
    time("created_at"),
    Index(None, "product_id"),
)
"""Asynchronous registrations: the row's key is the `ApplyId`, `done` of `wanted` devices are worked off."""
batch_is_unfinished: Final = device_batches.c.status.in_([literal_column("'CHECK'"), literal_column("'CREATE'")])
"""Written as literals, not as bound values, so that a planner sees that the partial index serves."""
Index(
    "ix_device_batches_unfinished",
    device_batches.c.id,
    sqlite_where=batch_is_unfinished,
    postgresql_where=batch_is_unfinished,
)

device_batch_names = Table(
    "device_batch_names",
    metadata,
    half_of_key("batch_id", "device_batches.id"),
    Column("position", Integer, primary_key=True),
    Column("name", TEXT, nullable=False),
    Column("nickname", TEXT),
    Column("problem", TEXT),
    sqlite_with_rowid=False,
)
"""The names that a registration is for, as BatchCheckDeviceNames took them: positions count from 0.

None when names are to be made up. `problem` says why a name cannot be used.
"""


class DeviceState(IntEnum):
    """What a device's row says of it: the numbers of QueryDeviceByStatus, and one of our own."""

    UNACTIVE = 0
    """It was never online."""
    ONLINE = 1
    OFFLINE = 3
    DISABLED = 8
    """It may not log in; it was online before."""
    DISABLED_UNACTIVE = 9
    """It may not log in and was never online."""


devices = Table(
    "devices",
    metadata,
    key(),
    ref("product_id", "products.id"),
    Column("name", TEXT, nullable=False),
    Column("iot_id", TEXT, nullable=False, unique=True),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("nickname", TEXT),
    Column("disabled", Boolean, nullable=False, server_default="0"),
    Column("connection_id", Text),
    Column("address", TEXT),
    time("activated_at", nullable=True),
    time("online_at", nullable=True),
    time("status_at"),
    time("created_at"),
    time("modified_at"),
    ref("batch_id", "device_batches.id", nullable=True, ondelete="SET NULL"),
    Column(
        "state",
        SmallInteger,
        Computed(
            f"CASE WHEN disabled AND activated_at IS NULL THEN {DeviceState.DISABLED_UNACTIVE:d}"
            f" WHEN disabled THEN {DeviceState.DISABLED:d}"
            f" WHEN connection_id IS NOT NULL THEN {DeviceState.ONLINE:d}"
            f" WHEN activated_at IS NULL THEN {DeviceState.UNACTIVE:d}"
            f" ELSE {DeviceState.OFFLINE:d} END",
            persisted=True,
        ),
        nullable=False,
    ),
    UniqueConstraint("product_id", "name"),
    Index("ix_devices_product_id_id", "product_id", "id"),
    Index("ix_devices_product_id_state_id", "product_id", "state", "id"),
)
"""A device is online while `connection_id` is set; it was never online while `activated_at` is empty. The database
makes a `DeviceState` of it, so that devices are counted and listed by their state from an index alone."""
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
    Column("module", TEXT, primary_key=True),
    Column("version", TEXT, nullable=False),
    time("reported_at"),
    Index("ix_module_versions_version_device_id", "version", "device_id"),
    sqlite_with_rowid=False,
)
"""The version of each module as last reported by the device."""

groups = Table(
    "groups",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    Column("group_id", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False),
    Column("description", TEXT),
    Column("type", TEXT, nullable=False),
    ref("parent_id", "groups.id", nullable=True, ondelete="RESTRICT"),
    Column("level", SmallInteger, nullable=False),
    Column("expression", TEXT),
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
    Column("key", TEXT, primary_key=True),
    Column("value", TEXT, nullable=False),
    ref("instance_id", "instances.id"),
    Index("ix_device_tags_search", "instance_id", "key", "value", "device_id"),
    sqlite_with_rowid=False,
)
"""Tags of devices; they name the device's instance, so that a search meets no tag of another one."""
