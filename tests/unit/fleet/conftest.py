"""An account on a real database."""

from collections.abc import Iterator
from typing import Final

import pytest
from sqlalchemy import Connection

from skyferry.fleet import accounts
from skyferry.keys import SecretBox
from skyferry.store.accounts import AccountRecord
from tests.support.databases import scratch

_MADE_AT: Final = 1_795_425_360_000


@pytest.fixture
def box() -> SecretBox:
    """What seals secrets."""
    return SecretBox(b"k" * 32)


@pytest.fixture
def tx() -> Iterator[Connection]:
    """A transaction on an empty database."""
    with scratch() as made:
        yield made


@pytest.fixture
def account(tx: Connection, box: SecretBox) -> AccountRecord:
    """The account `acme`."""
    return accounts.create_account(tx, box, "acme", now_ms=_MADE_AT)
