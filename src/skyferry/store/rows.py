"""Rows as typed records: a record is a dataclass whose fields are columns by the same name."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import FromClause
from sqlalchemy.engine import Result
from sqlalchemy.sql.elements import ColumnElement

RecordT = TypeVar("RecordT")
ItemT = TypeVar("ItemT")

MOST_VALUES = 5_000
"""How many values one statement lists at most; SQLite takes 32,766 variables, PostgreSQL 65,535."""


def columns(record: type[Any], *tables: FromClause) -> list[ColumnElement[Any]]:
    """The columns of a record's fields, each from the first table that has it."""
    found: list[ColumnElement[Any]] = []
    for field in fields(record):
        table = next(table for table in tables if field.name in table.c)
        found.append(table.c[field.name])
    return found


def all_of(record: Callable[..., RecordT], result: Result[Any]) -> list[RecordT]:
    """All rows as records; the statement selects the fields in their order."""
    return [record(*row) for row in result]


def one_of(record: Callable[..., RecordT], result: Result[Any]) -> RecordT | None:
    """The first row as a record, or None."""
    row = result.first()
    return None if row is None else record(*row)


def chunks(items: Iterable[ItemT], size: int = MOST_VALUES) -> Iterator[list[ItemT]]:
    """The items in lists that fit one statement."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
