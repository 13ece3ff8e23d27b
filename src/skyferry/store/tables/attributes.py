"""The table of what devices say of themselves besides versions."""

from sqlalchemy import Column, Table

from skyferry.store.tables.base import TEXT, half_of_key, metadata

device_attributes = Table(
    "device_attributes",
    metadata,
    half_of_key("device_id", "devices.id"),
    Column("key", TEXT, primary_key=True),
    Column("value", TEXT, nullable=False),
    sqlite_with_rowid=False,
)
"""Attributes that devices report (hawkBit's configData): theirs, unlike tags, which an application sets."""
