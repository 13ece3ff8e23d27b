"""A database in which every table has rows: one with all columns filled, awkwardly, and one with as few as may be."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    SmallInteger,
    Table,
    insert,
    select,
)

from skyferry.store.tables import COUNTERS, metadata

TEXT: Final = "Prüfstand 测试 \U0001f680 \\N \t\n'\""
BYTES: Final = bytes(range(256))
_CHOSEN: Final[Mapping[tuple[str, str], Any]] = {
    ("instances", "cancel_by_device"): "open",
    ("groups", "type"): "LINK_PLATFORM",
    ("subscriptions", "kind"): "webhook",
}
"""Values of columns that take few."""
_COUNTED: Final = frozenset(counter["counts"] for counter in COUNTERS)
_ROWS: Final = (1, 2)


def fill(tx: Connection) -> None:
    """Puts rows into every table, but for those in which triggers count."""
    for table in metadata.sorted_tables:
        if table.name not in _COUNTED:
            for number in _ROWS:
                tx.execute(insert(table), _row(tx, table, number))


def _row(tx: Connection, table: Table, number: int) -> dict[str, Any]:
    full = number == 1
    given = [column for column in table.columns if column.computed is None]
    columns = [column for column in given if full or not (column.nullable or column.server_default)]
    return {column.name: _value(tx, table, column, number) for column in columns}


def _value(tx: Connection, table: Table, column: Column[Any], number: int) -> Any:
    if (table.name, column.name) in _CHOSEN:
        return _CHOSEN[table.name, column.name]
    for foreign in column.foreign_keys:
        referred = tx.execute(select(foreign.column).order_by(foreign.column)).scalars().all()
        return referred[number - 1] if number <= len(referred) else None
    return _plain(column, number)


def _plain(column: Column[Any], number: int) -> Any:
    kind = column.type
    if isinstance(kind, BigInteger) and not (column.primary_key or isinstance(kind, SmallInteger)):
        return (1 << 53) + number
    awkward = {
        bool: number == 1,
        bytes: BYTES + bytes([number]),
        int: number,
        list: [number, 1 << 40],
        object: {"text": TEXT, "numbers": [1, 2.5, None, True, "\0"], "empty": {}},
        str: f"{TEXT}{number}",
    }
    return awkward[kind.python_type]
