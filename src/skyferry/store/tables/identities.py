"""Tables of what a device can be known by besides its secret: a token, a certificate, the gateway that it is behind."""

from typing import Final

from sqlalchemy import Boolean, Column, Index, LargeBinary, Table

from skyferry.store.tables.base import TEXT, half_of_key, metadata, ref, time

device_registrations = Table(
    "device_registrations",
    metadata,
    half_of_key("device_id", "devices.id"),
    Column("client_id", TEXT),
    Column("token_sealed", LargeBinary),
    Column("open", Boolean, nullable=False),
    time("modified_at"),
    sqlite_with_rowid=False,
)
"""Devices that registered themselves, or may do so once more although they were online (`open`). A token is what a
device without a DeviceSecret logs in with."""

device_certificates = Table(
    "device_certificates",
    metadata,
    half_of_key("device_id", "devices.id"),
    Column("digest", TEXT, nullable=False, unique=True),
    Column("serial", TEXT, nullable=False),
    Column("pem", TEXT, nullable=False),
    Column("key_sealed", LargeBinary),
    time("created_at"),
    sqlite_with_rowid=False,
)
"""The certificates of devices of products with AuthType x509; `digest` is the SHA-256 of the DER in hex."""

topology: Final = Table(
    "topology",
    metadata,
    half_of_key("device_id", "devices.id"),
    ref("gateway_id", "devices.id"),
    time("created_at"),
    Index("ix_topology_gateway_id_device_id", "gateway_id", "device_id"),
    sqlite_with_rowid=False,
)
"""Which gateway a sub-device is behind: one at a time."""

disconnections: Final = Table(
    "disconnections", metadata, half_of_key("device_id", "devices.id"), sqlite_with_rowid=False
)
"""Devices whose connection the server is to end, because a command line has changed what they log in with."""
