"""Tasks of jobs that ended long ago leave the database: what is written of them, and the moment in which they go.

A file of the archive holds a portion of one job's tasks: a JSON object on a line for each, compressed by gzip. Its name
says the JobId, the first task and the SHA-256 of the lines, so that the same portion has the same name whoever writes
it, and another portion another one. Tasks go in the transaction that notes the file, and only when they are still what
is in it.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry import identifiers
from skyferry.clock import moment
from skyferry.objects import keys
from skyferry.ota.states import TaskStatus
from skyferry.store import archives as statements
from skyferry.store.archives import ArchiveRecord, EndedJob, EndedTask
from skyferry.store.history import HistoryRecord

_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Portion:
    """Some tasks of a job, as they are archived.

    Attributes:
        job: the job.
        task_ids: keys of the tasks, in their order.
        lines: what is written of them, not compressed.
    """

    job: EndedJob
    task_ids: tuple[int, ...]
    lines: bytes

    @property
    def name(self) -> str:
        """The name of the file."""
        return keys.archive_name(self.job.job_id, self.task_ids[0], hashlib.sha256(self.lines).hexdigest())


def read(tx: Connection, job: EndedJob, limit: int) -> Portion | None:
    """The next portion of a job; None when no task of it is left that has ended."""
    found = statements.portion(tx, job.id, limit)
    if not found:
        return None
    histories = statements.histories(tx, [task.id for task in found])
    lines = (_line(job, task, histories.get(task.id, ())) for task in found)
    return Portion(job, tuple(task.id for task in found), b"".join(lines))


def compressed(portion: Portion) -> bytes:
    """The content of the file: the same whenever it is made."""
    return gzip.compress(portion.lines, _LEVEL, mtime=0)


def move(tx: Connection, portion: Portion, *, stored_bytes: int, ended_before: int, now: int) -> bool:
    """Takes the tasks of a portion, whose file is stored, out of the database.

    Args:
        tx: the transaction.
        portion: the tasks as they were read.
        stored_bytes: the length of the file.
        ended_before: the job must still have ended before.
        now: the time now.

    Returns:
        False when something has changed since: another worker was faster, or tasks run again. Then nothing is moved.
    """
    if not statements.has_ended(tx, portion.job.id, ended_before=ended_before):
        return False
    if read(tx, portion.job, len(portion.task_ids)) != portion:
        return False
    moved = statements.take_out(tx, portion.job.id, portion.task_ids)
    if moved != len(portion.task_ids):
        raise RuntimeError(f"{len(portion.task_ids)} tasks were to be archived and {moved} were.")
    record = ArchiveRecord(portion.job.id, portion.task_ids[0], portion.name, moved, stored_bytes, now)
    statements.note(tx, record)
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
    told = asdict(task)
    key = told.pop("id")
    told |= {
        "task_id": identifiers.task_id(job.job_id, key),
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
