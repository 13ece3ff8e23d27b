"""Tables of modules, packages and their files."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, SmallInteger, Table, UniqueConstraint

from skyferry.store.tables.base import TEXT, half_of_key, key, metadata, ref, time

objects = Table(
    "objects",
    metadata,
    Column("key", TEXT, primary_key=True),
    ref("instance_id", "instances.id"),
    Column("size", BigInteger, nullable=False),
    Column("md5", TEXT, nullable=False),
    Column("sha256", TEXT, nullable=False),
    Column("crc64", TEXT, nullable=False),
    time("created_at"),
    Column("sha1", TEXT),
    Index(None, "created_at"),
)
"""Uploaded files. A file that no package refers to is removed after an hour. `sha1` is empty in rows of a server that
did not compute it yet; it is filled in when a device needs it."""

modules = Table(
    "modules",
    metadata,
    key(),
    ref("product_id", "products.id"),
    Column("name", TEXT, nullable=False),
    Column("folded_name", TEXT, nullable=False),
    Column("alias", TEXT),
    Column("description", TEXT),
    time("created_at"),
    time("modified_at"),
    UniqueConstraint("product_id", "folded_name"),
)
"""Custom modules of products. Names are unique in any letter case; `default` exists without a row."""

packages = Table(
    "packages",
    metadata,
    key(),
    ref("instance_id", "instances.id"),
    ref("product_id", "products.id"),
    Column("firmware_id", TEXT, nullable=False, unique=True),
    Column("name", TEXT, nullable=False),
    Column("module", TEXT, nullable=False),
    Column("dest_version", TEXT, nullable=False),
    Column("src_version", TEXT),
    Column("type", SmallInteger, nullable=False),
    Column("sign_method", TEXT, nullable=False),
    Column("description", TEXT),
    Column("udi", TEXT),
    Column("status", SmallInteger, nullable=False),
    Column("multi_file", Boolean, nullable=False),
    time("created_at"),
    time("modified_at"),
    time("deleted_at", nullable=True),
    UniqueConstraint("instance_id", "name"),
    UniqueConstraint("product_id", "dest_version"),
    Index("ix_packages_instance_id_id", "instance_id", "id"),
)
"""A package with `deleted_at` is deleted: it has given its name and version back, no look-up finds it any more, and the
worker removes what belongs to it, its own row at last."""
package_is_kept: Final = packages.c.deleted_at.is_(None)
Index(
    "ix_packages_deleted",
    packages.c.id,
    sqlite_where=packages.c.deleted_at.is_not(None),
    postgresql_where=packages.c.deleted_at.is_not(None),
)

package_files = Table(
    "package_files",
    metadata,
    half_of_key("package_id", "packages.id"),
    Column("position", SmallInteger, primary_key=True),
    Column("object_key", TEXT, ForeignKey("objects.key"), nullable=False),
    Column("name", TEXT),
    Column("size", BigInteger, nullable=False),
    Column("sign", TEXT, nullable=False),
    Column("md5", TEXT, nullable=False),
    Index(None, "object_key"),
)
