"""What the planner of SQLite means to do, on the schema as the migrations make it."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event

from skyferry.store import migrate
from skyferry.store.engine import Store


@contextmanager
def migrated(directory: Path) -> Iterator[Connection]:
    """A connection to a new database."""
    path = directory / "skyferry.db"
    asyncio.run(_migrate(path))
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


async def _migrate(path: Path) -> None:
    store = Store(str(path))
    await migrate.upgrade(store)
    await store.close()


def plan_of(tx: Connection, run: Callable[[], object]) -> list[str]:
    """The steps of every statement that runs, as the planner tells them."""
    steps: list[str] = []

    def explain(_tx: Connection, cursor: Any, statement: str, parameters: Any, _context: object, many: bool) -> None:
        if statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "INSERT", "DELETE", "WITH"}:
            given = parameters[0] if many else parameters
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)
            steps.extend(detail for *_, detail in rows)

    event.listen(tx, "before_cursor_execute", explain)
    run()
    event.remove(tx, "before_cursor_execute", explain)
    return steps


def indexes(steps: list[str]) -> set[str]:
    """The indexes in a plan; those of a constraint, which have no name of their own, by what is looked up in them."""
    found = set()
    for step in steps:
        if match := re.match(r"\w+ (\w+) USING (?:COVERING )?INDEX (\w+) ?(.*)", step):
            table, index, columns = match.groups()
            found.add(f"{table} {columns}" if index.startswith("sqlite_autoindex") else index)
    return found
