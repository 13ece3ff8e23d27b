"""Counters that triggers keep say what counting the rows says."""

from sqlalchemy import Connection, text

from skyferry.store.tables import COUNTERS

_KEPT = "SELECT {owner}, {state}, sum({number}) FROM {counts} GROUP BY {owner}, {state} HAVING sum({number}) <> 0"
_COUNTED = "SELECT {owner}, {state}, count(*) FROM {rows} GROUP BY {owner}, {state}"
_OWNED = "SELECT count(*) FROM {counts} WHERE {owner} NOT IN (SELECT id FROM {owners})"


def assert_counted(tx: Connection) -> None:
    """Nothing is counted that is not there, and all that is there."""
    for counter in COUNTERS:
        kept, counted = (
            {(owner, state): int(number) for owner, state, number in tx.execute(text(template.format(**counter)))}
            for template in (_KEPT, _COUNTED)
        )
        assert kept == counted, counter["counts"]
        assert tx.execute(text(_OWNED.format(**counter))).scalar_one() == 0, counter["counts"]
