"""Reading list files from the object store, outside transactions (control-plane reference §3.2)."""

from typing import Final

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.objects.interface import ObjectStore
from skyferry.objects.keys import suffix_of
from skyferry.objects.tickets import LIST_SUFFIX
from skyferry.objects.urls import object_key_of
from skyferry.ota import namelist
from skyferry.ota.models import NameList
from skyferry.store import objects as object_statements
from skyferry.store.engine import Store
from skyferry.store.jobs import JobRecord

_NOT_UPLOADED: Final = (
    "No uploaded file stands behind DnListFileUrl. Upload the list to a ticket of GenerateDeviceNameListURL first."
)


async def inspect(store: Store, objects: ObjectStore, instance_id: int, url: str) -> NameList:
    """The list file behind a URL, its names counted.

    Raises:
        ApiError: there is none, it is empty, or it names more devices than a job may have.
    """
    key = object_key_of(url)
    stored = None if key is None else await store.read(object_statements.find_object, instance_id, key)
    if stored is None:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, _NOT_UPLOADED)
    if suffix_of(stored.key) != LIST_SUFFIX:
        raise ApiError(
            codes.INVALID_FORMATTED_PARAMETER,
            "DnListFileUrl is of a package file (GenerateOTAUploadURL). Lists go to tickets of "
            "GenerateDeviceNameListURL.",
        )
    counter = namelist.NameCounter()
    head = bytearray()
    try:
        reader = await objects.open(stored.blob)
    except FileNotFoundError:
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, _NOT_UPLOADED) from None
    try:
        async for block in reader.blocks(0, stored.size):
            counter.add(block)
            head += block[: namelist.PORTION_BYTES - len(head)]
    finally:
        await reader.close()
    if counter.count == 0:
        raise ApiError(codes.NULL_TARGET_DEVICE_NAMES, "The list file names no device.")
    if counter.count > namelist.MOST_NAMES:
        raise ApiError(
            codes.TOO_MANY_DEVICE_UPGRADE,
            f"The list file has {counter.count} names; a job has at most {namelist.MOST_NAMES}.",
        )
    return NameList(stored.key, stored.size, bytes(head))


async def next_bytes(store: Store, objects: ObjectStore, job: JobRecord) -> bytes:
    """What stands in a job's list file from where its last portion ended.

    Raises:
        FileNotFoundError: the file is gone.
    """
    stored = await store.read(object_statements.find_object, job.instance_id, job.list_key or "")
    if stored is None:
        raise FileNotFoundError(f"The list file of the job {job.job_id} is gone.")
    reader = await objects.open(stored.blob)
    try:
        count = min(namelist.PORTION_BYTES, job.select_up_to - job.selected_up_to)
        return b"".join([block async for block in reader.blocks(job.selected_up_to, count)])
    finally:
        await reader.close()
