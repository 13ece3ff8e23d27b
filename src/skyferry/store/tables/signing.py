"""Tables of the keys that sign packages, and of the signed lists of packages (TUF)."""

from sqlalchemy import Column, Index, Integer, LargeBinary, Table, UniqueConstraint

from skyferry.store.tables.base import TEXT, half_of_key, key, metadata, ref, time

signing_keys = Table(
    "signing_keys",
    metadata,
    key(),
    ref("product_id", "products.id"),
    Column("key_id", TEXT, nullable=False),
    Column("private_sealed", LargeBinary, nullable=False),
    Column("public_pem", TEXT, nullable=False),
    time("created_at"),
    time("retired_at", nullable=True),
    UniqueConstraint("product_id", "key_id"),
)
"""RSA key pairs that sign the digests of a product's packages; the newest that is not retired signs."""
Index(
    "uq_signing_keys_active",
    signing_keys.c.product_id,
    unique=True,
    sqlite_where=signing_keys.c.retired_at.is_(None),
    postgresql_where=signing_keys.c.retired_at.is_(None),
)

tuf_repositories = Table(
    "tuf_repositories",
    metadata,
    half_of_key("product_id", "products.id"),
    Column("revision", Integer, nullable=False, server_default="0"),
    time("due_at", nullable=True),
    Index(None, "due_at"),
    sqlite_with_rowid=False,
)
"""A product with a TUF repository. Whatever changes what is to be signed counts `revision` up, and what was signed is
stored only where it is still the same; at `due_at` the worker looks what there is to sign, never when it is None."""

tuf_keys = Table(
    "tuf_keys",
    metadata,
    half_of_key("product_id", "products.id"),
    Column("key_id", TEXT, primary_key=True),
    Column("private_sealed", LargeBinary, nullable=False),
    time("created_at"),
    sqlite_with_rowid=False,
)
"""Private keys of a product's TUF repository that are kept here; offline keys are not."""

tuf_metadata = Table(
    "tuf_metadata",
    metadata,
    half_of_key("product_id", "products.id"),
    Column("role", TEXT, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    time("created_at"),
    sqlite_with_rowid=False,
)
"""The signed metadata of a product's TUF repository, as it is published."""
