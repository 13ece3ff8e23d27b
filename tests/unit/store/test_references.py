"""What is removed is removed without reading whole tables: every reference between rows that are many has its index.

A database looks up the rows that refer to a removed one; plans of statements do not show these look-ups.
"""

import pytest
from sqlalchemy import ForeignKey, Index, PrimaryKeyConstraint, UniqueConstraint

from skyferry.store.tables import metadata

FEW = {
    "accounts.id",
    "instances.id",
    "ram_users.id",
}
"""What is removed by hand, if at all."""
OF_FEW = {"jobs.product_id", "outbox.subscription_id"}
"""Jobs are few whatever the number of devices; the outbox holds what is not delivered yet."""


def references() -> list[ForeignKey]:
    found = [key for table in metadata.sorted_tables for key in table.foreign_keys if key.target_fullname not in FEW]
    return sorted(found, key=lambda key: str(key.parent))


def serves(index: Index, name: str) -> bool:
    """An index of all rows, or of all that refer to something."""
    where = index.dialect_options["sqlite"]["where"]
    return index.columns[0].name == name and (where is None or str(where) == f"{index.table}.{name} IS NOT NULL")


def is_indexed(reference: ForeignKey) -> bool:
    table, name = reference.parent.table, reference.parent.name
    unique = [item for item in table.constraints if isinstance(item, UniqueConstraint | PrimaryKeyConstraint)]
    return any(serves(index, name) for index in table.indexes) or any(item.columns[0].name == name for item in unique)


@pytest.mark.parametrize("reference", references(), ids=lambda key: str(key.parent))
def test_a_reference_has_an_index(reference: ForeignKey) -> None:
    assert is_indexed(reference) == (str(reference.parent) not in OF_FEW)
