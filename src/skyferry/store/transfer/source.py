"""The SQLite database that is moved: opened for reading only, its rows in portions."""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Table

from skyferry.store import migrate
from skyferry.store.transfer.errors import MoveError, UnmovableRowsError
from skyferry.store.transfer.values import Converter, UnfitError

_ROWS: Final = 5_000
"""Rows of a portion at most."""
_BYTES: Final = 4 << 20
"""Bytes of texts and blobs from which on a portion takes no further row."""
_SHOWN: Final = 20
"""Rows that cannot be moved which are named at most."""


class Source:
    """One state of a database, whatever happens to the file meanwhile.

    Used as a context manager it is closed at the end.
    """

    def __init__(self, path: Path) -> None:
        """Opens it.

        Raises:
            MoveError: it is none that this version works with.
        """
        if not path.is_file():
            raise MoveError(f"There is no database {path}: name the data directory of a server that uses SQLite.")
        self.path = path
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            self._connection.execute("BEGIN")
            revision = self._revision()
        except sqlite3.Error as problem:
            self._connection.close()
            raise MoveError(f"The database {path} cannot be read: {problem}.") from problem
        if revision != migrate.newest():
            self._connection.close()
            raise MoveError(
                f"The tables of {path} are those of another version ({revision or 'none'} instead of"
                f" {migrate.newest()}): start this version's skyferry serve on it once, and stop it."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def count(self, table: Table) -> int:
        """How many rows a table has."""
        return int(self._connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()[0])  # noqa: S608

    def last_keys(self) -> Mapping[str, int]:
        """The last key that was given, by table, of tables that give no key twice: its row may be gone."""
        return dict(self._connection.execute("SELECT name, seq FROM sqlite_sequence"))

    def portions(self, table: Table) -> Iterator[Sequence[tuple[Any, ...]]]:
        """The rows of a table in the order of its primary key, as PostgreSQL takes them.

        A row comes after those of the same table that it refers to: they were there before it.

        Raises:
            UnmovableRowsError: PostgreSQL cannot store some of them; all others have been handed out before.
        """
        convert, problems = Converter(table), list[str]()
        portion, size = list[tuple[Any, ...]](), 0
        for row in self._rows(table):
            try:
                portion.append(convert(row))
            except UnfitError as problem:
                problems.append(str(problem))
                if len(problems) == _SHOWN:
                    break
                continue
            size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
            if len(portion) == _ROWS or size >= _BYTES:
                yield portion
                portion, size = [], 0
        if problems:
            raise UnmovableRowsError(problems)
        if portion:
            yield portion

    def blobs(self) -> Iterator[str]:
        """The names of all package files and archives in the object store."""
        for key, sha256 in self._connection.execute("SELECT key, sha256 FROM objects ORDER BY key"):
            yield f"{key}.{sha256}"
        for (name,) in self._connection.execute("SELECT name FROM task_archives ORDER BY name"):
            yield name

    def _rows(self, table: Table) -> Iterator[tuple[Any, ...]]:
        names = ", ".join(f'"{column.name}"' for column in table.columns)
        order = ", ".join(f'"{column.name}"' for column in table.primary_key)
        statement = f'SELECT {names} FROM "{table.name}" ORDER BY {order}'  # noqa: S608 - names of our own tables
        with closing(self._connection.execute(statement)) as rows:
            yield from rows

    def _revision(self) -> str | None:
        found = self._connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = self._connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
        return str(row[0]) if row else None
