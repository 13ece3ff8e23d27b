"""Tasks of jobs that ended long ago leave the database: what is written of them, and the moment in which they go.

A file of the archive holds a portion of one job's tasks: a JSON object on a line for each, compressed by gzip. Its name
says the JobId, the first task and the SHA-256 of the lines, so that the same portion has the same name whoever writes
it, and another portion another one. Tasks go in the transaction that notes the file, and only when they are still what
is in it.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from skyferry import identifiers
from skyferry.clock import moment
from skyferry.objects import keys
from skyferry.ota.states import TaskStatus
from skyferry.store import archives as statements
from skyferry.store.archives import ArchiveRecord, EndedJob, EndedTask
from skyferry.store.history import HistoryRecord

_LEVEL: Final = 6
_TOLD: Final = tuple(name for name in EndedTask.__dataclass_fields__ if name != "id")


@dataclass(frozen=True, slots=True)
class Portion:
    """Some tasks of a job that are to be archived, in their order, and what happened to each of them by its key."""

    job: EndedJob
    tasks: Sequence[EndedTask]
    histories: Mapping[int, Sequence[HistoryRecord]]


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of the archive: its name in the object store, and its content."""

    name: str
    content: bytes


def read(tx: Connection, job: EndedJob, limit: int) -> Portion | None:
    """The next portion of a job; None when no task of it is left that has ended."""
    found = statements.portion(tx, job.id, limit)
    return Portion(job, found, statements.histories(tx, [task.id for task in found])) if found else None


def written(portion: Portion) -> ArchiveFile:
    """The file with a portion: the same whenever it is made."""
    lines = b"".join(_line(portion.job, task, portion.histories.get(task.id, ())) for task in portion.tasks)
    name = keys.archive_name(portion.job.job_id, portion.tasks[0].id, hashlib.sha256(lines).hexdigest())
    return ArchiveFile(name, gzip.compress(lines, _LEVEL, mtime=0))


def move(tx: Connection, portion: Portion, file: ArchiveFile, *, ended_before: int, now: int) -> bool:
    """Takes the tasks of a portion, whose file is stored, out of the database.

    Args:
        tx: the transaction.
        portion: the tasks as they were read.
        file: where they are from now on.
        ended_before: the job must still have ended before.
        now: the time now.

    Returns:
        False when something has changed since: another worker was faster, or tasks run again. Then nothing is moved.
    """
    number = len(portion.tasks)
    if not statements.has_ended(tx, portion.job.id, ended_before=ended_before):
        return False
    if read(tx, portion.job, number) != portion:
        return False
    moved = statements.take_out(tx, portion.job.id, [task.id for task in portion.tasks])
    if moved != number:
        raise RuntimeError(f"{number} tasks were to be archived and {moved} were.")
    first = portion.tasks[0].id
    statements.note(tx, ArchiveRecord(portion.job.id, first, file.name, moved, len(file.content), now))
    return True


def unpacked(content: bytes) -> Iterator[str]:
    """The lines of a file.

    Raises:
        OSError: it is not whole.
    """
    try:
        yield from gzip.decompress(content).decode().splitlines()
    except (EOFError, ValueError) as error:
        raise OSError(f"The file is damaged: {error}.") from error


def _line(job: EndedJob, task: EndedTask, history: Sequence[HistoryRecord]) -> bytes:
    told: dict[str, Any] = {name: getattr(task, name) for name in _TOLD}
    told |= {
        "task_id": identifiers.task_id(job.job_id, task.id),
        "job_id": job.job_id,
        "firmware_id": job.firmware_id,
        "product_key": job.product_key,
        "dest_version": job.dest_version,
        "status": TaskStatus(task.status).name,
        "created_at": _time(task.created_at),
        "modified_at": _time(task.modified_at),
        "history": [
            {
                "at": _time(entry.at),
                "status": TaskStatus(entry.status).name,
                "event": entry.event,
                "description": entry.description,
            }
            for entry in history
        ],
    }
    return json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _time(ms: int) -> str:
    return moment(ms).isoformat(timespec="milliseconds").replace("+00:00", "Z")
