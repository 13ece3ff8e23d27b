"""The table of what devices say of themselves besides versions."""

from sqlalchemy import Column, Table, Text

from skyferry.store.tables.base import half_of_key, metadata

device_attributes = Table(
    "device_attributes",
    metadata,
    half_of_key("device_id", "devices.id"),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Attributes that devices report (hawkBit's configData): theirs, unlike tags, which an application sets."""
