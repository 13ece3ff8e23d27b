"""What the two databases spell in two ways."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, literal, select

from skyferry.store.dialect import begins_with, sorts_with
from skyferry.store.tables.base import TEXT
from tests.support.databases import scratch

LAST = "\U0010ffff"
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4)
AWKWARD = st.sampled_from(["", LAST, "a" + LAST, "\ud7ff", "a\ud7ff", "\ue000", "a%", "a_"])


@pytest.fixture(scope="module")
def tx() -> Iterator[Connection]:
    with scratch() as made:
        yield made


@given(prefix=AWKWARD | WORDS, rest=AWKWARD | WORDS, other=AWKWARD | WORDS)
def test_what_begins_so_sorts_so(tx: Connection, prefix: str, rest: str, other: str) -> None:
    for text in (prefix + rest, other):
        column = literal(text, TEXT)
        begins, sorts = tx.execute(select(begins_with(column, prefix), sorts_with(column, prefix))).one()
        assert begins == text.startswith(prefix)
        assert sorts or not begins
