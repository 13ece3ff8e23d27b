"""Values on their way from SQLite to PostgreSQL."""

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, SmallInteger, Table

from skyferry.store.tables import call_windows, metadata
from skyferry.store.tables.base import TEXT
from skyferry.store.transfer.values import Converter, Digest, UnfitError

KINDS: Mapping[str, Any] = {
    "flag": Boolean,
    "small": SmallInteger,
    "number": Integer,
    "large": BigInteger,
    "words": TEXT,
    "document": JSON,
    "blob": LargeBinary,
}


def table_of(name: str) -> Table:
    return Table("things", MetaData(), Column("key", Integer, primary_key=True), Column(name, KINDS[name]))


@pytest.mark.parametrize(
    ("name", "there", "here"),
    [
        ("flag", 0, False),
        ("flag", 1, True),
        ("flag", None, None),
        ("small", -(1 << 15), -(1 << 15)),
        ("number", (1 << 31) - 1, (1 << 31) - 1),
        ("large", -(1 << 63), -(1 << 63)),
        ("words", "ä\n\\N", "ä\n\\N"),
        ("document", '{"a": [1,  2]}', '{"a": [1,  2]}'),
        ("blob", b"\0\xff", b"\0\xff"),
    ],
)
def test_a_value_gets_the_type_of_postgresql(name: str, there: Any, here: Any) -> None:
    [_, value] = Converter(table_of(name))((7, there))
    assert (value, type(value)) == (here, type(here))


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("flag", 2),
        ("flag", "yes"),
        ("small", 1 << 15),
        ("number", 1 << 31),
        ("number", 1.5),
        ("large", "12"),
        ("words", "a\0b"),
        ("words", 12),
        ("document", "\0"),
        ("blob", "text"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_row(name: str, there: Any) -> None:
    with pytest.raises(UnfitError, match=rf"^things, row key = 7: {name} (is|holds) .+\.$"):
        Converter(table_of(name))((7, there))


def test_an_array_is_a_document_in_sqlite() -> None:
    assert Converter(call_windows)((1, "QueryDevice", "[1, 2]")) == (1, "QueryDevice", [1, 2])


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_column_can_be_converted(table: Table) -> None:
    empty = (None,) * len(table.columns)
    assert Converter(table)(empty) == empty


def digest(*rows: tuple[Any, ...]) -> Digest:
    made = Digest()
    for row in rows:
        made.add(row)
    return made


def test_a_digest_tells_rows_apart_but_not_their_order() -> None:
    assert digest((1, "a"), (2, "b")) == digest((2, "b"), (1, "a"))
    for other in (
        digest((1, "a")),
        digest((1, "b"), (2, "a")),
        digest((1, "a"), (1, "a")),
        digest((True, "a"), (2, "b")),
    ):
        assert digest((1, "a"), (2, "b")) != other
