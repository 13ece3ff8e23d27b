"""Jobs for the devices of a list file: its names become tasks a portion at a time, from where the last one ended."""

import dataclasses
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.ota import endings, namelist, selection
from skyferry.ota.models import EngineLimits
from skyferry.store import devices as device_statements
from skyferry.store import jobs as statements
from skyferry.store.jobs import JobRecord

_UNKNOWN_SHOWN: Final = 10
"""How many unknown names a job remembers."""


def select_head(tx: Connection, job: JobRecord, head: bytes, limits: EngineLimits, now: int) -> None:
    """Makes the tasks of the first names, when the job is made.

    Raises:
        ApiError: these are all names, and none of their devices can be updated.
    """
    made = select_listed(tx, job, head, limits, now)
    after = statements.by_id(tx, job.id)
    if made == 0 and after is not None and after.selected_up_to >= after.select_up_to:
        raise ApiError(codes.NO_DEVICE_CAN_UPGRADE)


def give_up(tx: Connection, job: JobRecord, now: int) -> None:
    """Ends the selection of a job whose list file is gone: it goes on with the tasks that it has."""
    statements.set_selected(tx, job, new=job.select_up_to, now=now, more={"list_key": None})
    endings.end_finished_jobs(tx, {job.id}, now)


def select_listed(tx: Connection, job: JobRecord, data: bytes, limits: EngineLimits, now: int) -> int:
    """Makes the tasks of the next names, and tells how many.

    Args:
        tx: the transaction.
        job: the job; its `selected_up_to` is where the names begin in the file.
        data: what stands there, as many bytes as `namelist.PORTION_BYTES` or the rest of the file.
        limits: how many devices a portion has.
        now: milliseconds since the Unix epoch.
    """
    begin, size = job.selected_up_to, job.select_up_to
    portion = namelist.read(data, at_start=begin == 0, to_end=begin + len(data) >= size, most=limits.chunk_devices)
    end = begin + portion.consumed
    known = device_statements.ids_by_name(tx, job.product_id, portion.names)
    unknown = [name for name in portion.names if name not in known]
    sample = [*(job.unknown_sample or []), *unknown][:_UNKNOWN_SHOWN]
    more = {
        "unknown_names": job.unknown_names + len(unknown),
        "unknown_sample": sample or None,
        "list_key": None if end >= size else job.list_key,
    }
    if not statements.set_selected(tx, job, new=end, now=now, more=more):
        return 0
    rule = dataclasses.replace(selection.rule_of(tx, job), device_ids=known.values(), without_task_of=job.id)
    made = selection.make_tasks(tx, job, rule, limits, now)
    endings.end_finished_jobs(tx, {job.id}, now)
    return made
