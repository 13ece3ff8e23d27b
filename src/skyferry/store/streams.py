"""Statements on what devices may download over MQTT."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from skyferry.store.tables import jobs, objects, package_files, task_is_open, tasks


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A file of the package of an open task.

    Attributes:
        task_id: the task.
        blob: the name of the bytes in the object store.
        size: bytes.
    """

    task_id: int
    blob: str
    size: int


def of_device(tx: Connection, device_id: int, *, protocol: str, statuses: Collection[int]) -> Sequence[StreamRecord]:
    """The files of the open tasks of a device that were offered to it by this protocol."""
    statement = (
        select(tasks.c.id, objects.c.key, objects.c.sha256, objects.c.size)
        .join(jobs, tasks.c.job_id == jobs.c.id)
        .join(package_files, tasks.c.package_id == package_files.c.package_id)
        .join(objects, package_files.c.object_key == objects.c.key)
        .where(
            tasks.c.device_id == device_id,
            task_is_open,
            tasks.c.status.in_(statuses),
            tasks.c.notified_at.is_not(None),
            jobs.c.download_protocol == protocol,
        )
    )
    return [
        StreamRecord(task_id, f"{key}.{sha256}", size) for task_id, key, sha256, size in tx.execute(statement).all()
    ]
