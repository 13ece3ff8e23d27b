"""The move itself: table by table, then the comparison, then the commit."""

from collections.abc import Mapping
from typing import Protocol

from skyferry.store.tables import metadata
from skyferry.store.transfer.errors import MoveError
from skyferry.store.transfer.source import Source
from skyferry.store.transfer.target import Target, opened
from skyferry.store.transfer.values import Digest


class Progress(Protocol):
    """Is told how far it is."""

    def begin(self, step: str, total: int) -> None:
        """A step begins that has so many parts."""
        ...

    def advance(self, number: int, detail: str) -> None:
        """So many further ones of them are done, in a table or file of this name."""
        ...


async def look(url: str) -> None:
    """Returns when the database can take the data, and leaves it as it was.

    Raises:
        MoveError: it is not PostgreSQL, or has data already.
        ValueError, OSError, asyncpg.PostgresError, sqlalchemy.exc.DBAPIError: as `opened`.
    """
    async with opened(url) as target:
        await target.refuse_data()


async def move(source: Source, url: str, progress: Progress) -> Mapping[str, int]:
    """Copies all rows, compares them, and commits only when both sides hold the same.

    Args:
        source: what is moved.
        url: the database that takes it.
        progress: is told how far it is.

    Returns:
        The number of rows by table.

    Raises:
        MoveError: the target is not PostgreSQL, has data already, cannot store a row, or differs in the end.
        ValueError, OSError, asyncpg.PostgresError, sqlalchemy.exc.DBAPIError: as `opened`.
    """
    total = sum(source.count(table) for table in metadata.sorted_tables)
    async with opened(url) as target:
        await target.prepare()
        progress.begin("Copy", total)
        given = await _copied(source, target, progress)
        await target.finish(source.last_keys())
        progress.begin("Compare", total)
        taken = await _taken(target, progress)
        _refuse_differences(given, taken)
    return {name: digest.rows for name, digest in taken.items()}


async def _copied(source: Source, target: Target, progress: Progress) -> Mapping[str, Digest]:
    digests = {}
    for table in metadata.sorted_tables:
        digest = digests[table.name] = Digest()
        for portion in source.portions(table):
            await target.write(table, portion)
            for row in portion:
                digest.add(row)
            progress.advance(len(portion), table.name)
    return digests


async def _taken(target: Target, progress: Progress) -> Mapping[str, Digest]:
    digests = {}
    for table in metadata.sorted_tables:
        told = 0
        async for digest in target.portions(table):
            digests[table.name] = digest
            progress.advance(digest.rows - told, table.name)
            told = digest.rows
    return digests


def _refuse_differences(given: Mapping[str, Digest], taken: Mapping[str, Digest]) -> None:
    differences = [
        f"{name} had {given[name].rows} rows and has {taken[name].rows}"
        if given[name].rows != taken[name].rows
        else f"{name} has other values"
        for name in given
        if given[name] != taken[name]
    ]
    if differences:
        raise MoveError(f"The databases differ, and nothing was moved: {'; '.join(differences)}.")
