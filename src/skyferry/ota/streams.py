"""Downloads over MQTT: which packages can go that way, under which number, and who may read them.

Device-plane reference §2.4, §2.9; control-plane reference §6.7. The number of a stream follows from its task, so it is
the same in every push, and after a restart. What a device may read is asked of the store: its open tasks.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.ota.states import TaskStatus
from skyferry.store import packages, streams

HTTPS: Final = "HTTPS"
MQTT: Final = "MQTT"
"""DownloadProtocol of a job."""

FILE_ID: Final = 1
"""`streamFileId` of the one file that a stream has."""
MOST_FILE_BYTES: Final = 16 << 20
_STREAMS: Final = 999_999_999
_READABLE: Final = (TaskStatus.QUEUED, TaskStatus.NOTIFIED, TaskStatus.IN_PROGRESS)
"""A push may have reached the device although it counts as lost, and the task as queued."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A file that a device may read.

    Attributes:
        task_id: the task that allows it.
        blob: the name of the bytes in the object store.
        size: bytes.
    """

    task_id: int
    blob: str
    size: int


def stream_id(task_id: int) -> int:
    """The number of a task's stream: at most nine digits, which is what firmware has room for."""
    return task_id % _STREAMS + 1


def find(tx: Connection, device_id: int, number: int) -> Stream | None:
    """The stream of this number, if the device was offered it and its task has not ended."""
    for found in streams.of_device(tx, device_id, protocol=MQTT, statuses=_READABLE):
        if stream_id(found.task_id) == number:
            return Stream(found.task_id, found.blob, found.size)
    return None


def check_protocol(tx: Connection, package_id: int, protocol: str | None) -> None:
    """Checks whether the package of a job can be downloaded by the job's DownloadProtocol.

    Raises:
        ApiError: there is no such protocol, or the package is too large for MQTT or has several files.
    """
    if protocol in {None, HTTPS}:
        return
    if protocol != MQTT:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, "DownloadProtocol is HTTPS or MQTT.")
    files = packages.files_of(tx, [package_id]).get(package_id, [])
    if len(files) != 1:
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER,
            f"DownloadProtocol=MQTT is for packages of one file, this one has {len(files)}: use HTTPS.",
        )
    if files[0].size > MOST_FILE_BYTES:
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER,
            f"DownloadProtocol=MQTT is for files of at most {MOST_FILE_BYTES} bytes, this one has {files[0].size}: "
            "use HTTPS.",
        )
