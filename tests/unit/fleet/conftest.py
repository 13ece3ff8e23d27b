"""An account on a real database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, create_engine, event

from skyferry.fleet import accounts
from skyferry.keys import SecretBox
from skyferry.store.accounts import AccountRecord
from skyferry.store.tables import metadata

_MADE_AT: Final = 1_795_425_360_000


@pytest.fixture
def box() -> SecretBox:
    """What seals secrets."""
    return SecretBox(b"k" * 32)


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Connection]:
    """A transaction on an empty database."""
    engine = create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys = ON"))
    metadata.create_all(engine)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def account(tx: Connection, box: SecretBox) -> AccountRecord:
    """The account `acme`."""
    return accounts.create_account(tx, box, "acme", now_ms=_MADE_AT)
