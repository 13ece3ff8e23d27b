"""What the two databases spell in two ways."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, event, literal, select

from skyferry.store.dialect import begins_with, insert_many, sorts_with
from skyferry.store.tables import accounts
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


def test_many_rows_are_added_in_their_order(tx: Connection) -> None:
    given = [
        {"name": name, "uid": name + "-uid", "created_at": at} for at, name in enumerate(["b", "ä\n\\", "a", "{,}"])
    ]
    statements: list[str] = []
    event.listen(tx, "before_cursor_execute", lambda _tx, _cursor, statement, *_: statements.append(statement))
    insert_many(tx, accounts, given)
    assert len(statements) == 1
    found = select(accounts.c.name, accounts.c.uid, accounts.c.created_at).order_by(accounts.c.id)
    assert [dict(row._mapping) for row in tx.execute(found)] == given
