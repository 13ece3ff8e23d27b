"""Triggers keep what they are to keep: counters that say what counting the rows says, and no row without its owner."""

from sqlalchemy import Connection, text

from skyferry.store.tables import COUNTERS, OWNED

_KEPT = "SELECT {owner}, {state}, sum({number}) FROM {counts} GROUP BY {owner}, {state} HAVING sum({number}) <> 0"
_COUNTED = "SELECT {owner}, {state}, count(*) FROM {rows} GROUP BY {owner}, {state}"
_COUNTS_OF_NOBODY = "SELECT count(*) FROM {counts} WHERE {owner} NOT IN (SELECT id FROM {owners})"

_OF_NOBODY = "SELECT count(*) FROM {rows} WHERE {owner} NOT IN (SELECT id FROM {owners})"


def assert_counted(tx: Connection) -> None:
    """Nothing is counted that is not there, and all that is there."""
    for counter in COUNTERS:
        kept, counted = (
            {(owner, state): int(number) for owner, state, number in tx.execute(text(template.format(**counter)))}
            for template in (_KEPT, _COUNTED)
        )
        assert kept == counted, counter["counts"]
        assert tx.execute(text(_COUNTS_OF_NOBODY.format(**counter))).scalar_one() == 0, counter["counts"]
    assert_owned(tx)


def assert_owned(tx: Connection) -> None:
    """No row is left of what was removed with what it belongs to."""
    for owned in OWNED:
        assert tx.execute(text(_OF_NOBODY.format(**owned))).scalar_one() == 0, owned
