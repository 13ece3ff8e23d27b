"""Values of SQLite as PostgreSQL takes them, and a digest by which the rows of both are compared.

SQLite keeps in a column what was written there; PostgreSQL keeps what the column's type allows. What does not fit is
told with its row, before PostgreSQL refuses a whole batch for it.
"""

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

from sqlalchemy import ARRAY, JSON, BigInteger, Boolean, Column, Integer, LargeBinary, SmallInteger, String, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

Row = Sequence[Any]
_Conversion = Callable[[Any], Any]

_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]
_DIGEST_BYTES: Final = 16
_MODULUS: Final = 1 << (8 * _DIGEST_BYTES)


class UnfitError(Exception):
    """PostgreSQL cannot store a value."""


class Converter:
    """Turns the rows of one table, with the columns in the table's order, into those that PostgreSQL takes."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._conversions = [_conversion(column) for column in table.columns]

    def __call__(self, row: Row) -> tuple[Any, ...]:
        """The row with the types of PostgreSQL.

        Raises:
            UnfitError: it holds what PostgreSQL cannot store; the message names the row, its column and the reason.
        """
        values = list(row)
        for index, conversion in enumerate(self._conversions):
            if values[index] is not None:
                try:
                    values[index] = conversion(values[index])
                except UnfitError as problem:
                    raise UnfitError(self._sentence(row, index, problem)) from None
        return tuple(values)

    def _sentence(self, row: Row, index: int, problem: UnfitError) -> str:
        columns = list(self._table.columns)
        key = ", ".join(f"{column.name} = {row[columns.index(column)]!r}" for column in self._table.primary_key)
        return f"{self._table.name}, row {key}: {columns[index].name} {problem}"


class Digest:
    """The number of rows of a table, and a sum that is the same whatever order they come in."""

    def __init__(self) -> None:
        self.rows = 0
        self._sum = 0

    def add(self, row: tuple[Any, ...]) -> None:
        """Takes in a row that has the types of PostgreSQL."""
        hashed = blake2b(repr(row).encode(), digest_size=_DIGEST_BYTES).digest()
        self._sum = (self._sum + int.from_bytes(hashed)) % _MODULUS
        self.rows += 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Digest) and (self.rows, self._sum) == (other.rows, other._sum)

    __hash__ = None  # type: ignore[assignment]


def _conversion(column: Column[Any]) -> _Conversion:
    """How values of a column are converted."""
    kind = column.type.dialect_impl(_DIALECT)
    return next(conversion for known, conversion in _CONVERSIONS if isinstance(kind, known))


def _boolean(value: Any) -> bool:
    if value not in {0, 1}:
        raise UnfitError("is neither 0 nor 1.")
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnfitError("is no text.")
    if "\0" in value:
        raise UnfitError("holds a NUL character, which PostgreSQL cannot store in a text.")
    return value


def _array(value: Any) -> list[Any]:
    return list(json.loads(_text(value)))


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise UnfitError("is no sequence of bytes.")
    return value


def _whole_number(bits: int) -> _Conversion:
    least, most = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def convert(value: Any) -> int:
        if not isinstance(value, int) or not least <= value <= most:
            raise UnfitError(f"is no whole number from {least} to {most}.")
        return value

    return convert


_CONVERSIONS: Final[Sequence[tuple[type[TypeEngine[Any]], _Conversion]]] = (
    (Boolean, _boolean),
    (ARRAY, _array),
    (JSON, _text),
    (String, _text),
    (LargeBinary, _bytes),
    (SmallInteger, _whole_number(16)),
    (BigInteger, _whole_number(64)),
    (Integer, _whole_number(32)),
)
"""By type, the narrower ones first: small and large integers are integers too."""
