"""The bare database: the same rows changed with a driver and nothing around it."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import asyncpg

_PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -8192",
    "temp_store = MEMORY",
    "wal_autocheckpoint = 8000",
)
_CANCELED: Final = 130
_QUEUED: Final = 20
_PENDING: Final = "10, 20, 30"
_DESCRIPTION: Final = "canceled by CancelOTATaskByDevice"


def copy_database(source: Path, target: Path) -> None:
    """Copies a database that may be in use."""
    with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)


class BareDatabase:
    """A database, opened with the settings that the server uses."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=10)
        for pragma in _PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")

    def close(self) -> None:
        """Closes it."""
        self._connection.close()

    def key_of(self, table: str, column: str, value: str) -> int:
        """The key of the row in which a column has a value."""
        return int(self._connection.execute(f"SELECT id FROM {table} WHERE {column} = ?", [value]).fetchone()[0])

    def cancel(self, product_id: int, package_id: int, names: Sequence[str]) -> float:
        """Cancels the pending tasks of named devices in one statement and one transaction; tells the seconds."""
        marks = ",".join("?" * len(names))
        return self._timed(
            f"UPDATE tasks SET status = ?, description = '{_DESCRIPTION}', dispatch_at = NULL,"
            " modified_at = ? WHERE package_id = ? AND status < 100"
            f" AND status IN ({_PENDING}) AND device_id IN"
            f" (SELECT id FROM devices WHERE product_id = ? AND name IN ({marks}))",
            [_CANCELED, time.time_ns() // 1_000_000, package_id, product_id, *names],
            len(names),
        )

    def requeue(self) -> None:
        """Takes cancellations back, so that the next call finds what this one found."""
        self._connection.execute("UPDATE tasks SET status = ? WHERE status = ?", [_QUEUED, _CANCELED])

    def forget_tasks(self, job_id: int) -> None:
        """Takes the tasks of a job away without a trace."""
        self._connection.execute("DELETE FROM tasks WHERE job_id = ?", [job_id])
        self._connection.execute("VACUUM")

    def insert_tasks(self, product_id: int, package_id: int, job_id: int, count: int) -> float:
        """Makes a task for every device of a product in one statement and one transaction; tells the seconds."""
        now = time.time_ns() // 1_000_000
        return self._timed(
            "INSERT INTO tasks (job_id, package_id, device_id, module, src_version, status, description, created_at,"
            " modified_at) SELECT ?, ?, d.id, v.module, v.version, 20, '', ?, ? FROM devices d"
            " JOIN module_versions v ON v.device_id = d.id AND v.module = 'default' WHERE d.product_id = ?"
            " ORDER BY d.id",
            [job_id, package_id, now, now, product_id],
            count,
        )

    def _timed(self, statement: str, values: Sequence[object], expected: int) -> float:
        began = time.perf_counter()
        self._connection.execute("BEGIN IMMEDIATE")
        changed = self._connection.execute(statement, values).rowcount
        self._connection.execute("COMMIT")
        seconds = time.perf_counter() - began
        assert changed == expected, f"{changed} rows changed, not {expected}"
        return seconds


async def cancel_on_postgresql(
    url: str, product_key: str, firmware_id: str, lists: Sequence[Sequence[str]]
) -> list[float]:
    """Cancels the pending tasks of named devices, a list in one statement; tells the seconds for each."""
    connection = await asyncpg.connect(url)
    try:
        product_id = await connection.fetchval("SELECT id FROM products WHERE product_key = $1", product_key)
        package_id = await connection.fetchval("SELECT id FROM packages WHERE firmware_id = $1", firmware_id)
        statement = await connection.prepare(
            f"UPDATE tasks SET status = {_CANCELED}, description = '{_DESCRIPTION}', dispatch_at = NULL,"
            f" modified_at = $1 WHERE package_id = $2 AND status < 100 AND status IN ({_PENDING})"
            " AND device_id IN (SELECT id FROM devices WHERE product_id = $3 AND name = ANY($4)) RETURNING id"
        )
        seconds = []
        for names in lists:
            began = time.perf_counter()
            changed = await statement.fetch(time.time_ns() // 1_000_000, package_id, product_id, names)
            seconds.append(time.perf_counter() - began)
            assert len(changed) == len(names), f"{len(changed)} rows changed, not {len(names)}"
        return seconds
    finally:
        await connection.close()
