"""One statement that says which of the worker's chores have something to do.

It is asked whenever the worker wakes, so that a chore without work costs neither a statement nor a transaction of its
own. A condition may be wider than what its chore finds, never narrower: what is not seen here is not done.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Connection, bindparam, exists, or_, select

from skyferry.store.pushing import JOB_IS_STEERED
from skyferry.store.tables import (
    batch_is_unfinished,
    device_batches,
    disconnections,
    job_is_planned,
    job_is_running,
    jobs,
    package_is_kept,
    product_is_kept,
    products,
    task_is_open,
    tasks,
    tuf_repositories,
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for the worker.

    Attributes:
        planned: a job whose time has come.
        finishing: a running job whose end has come.
        steered: a live job with controls that is not paused.
        stopping: a job whose tasks are being ended.
        selecting: a job whose devices are not all turned into tasks.
        registering: an unfinished registration by the thousand.
        overdue: an open task whose time is over.
        disconnecting: a device whose connection a command line wants to end.
        unsigned: a TUF repository that is to be looked at.
        deleted: a package or a product that is deleted and still has rows.
    """

    planned: bool = False
    finishing: bool = False
    steered: bool = False
    stopping: bool = False
    selecting: bool = False
    registering: bool = False
    overdue: bool = False
    disconnecting: bool = False
    unsigned: bool = False
    deleted: bool = False


_NOW: Final = bindparam("now", type_=BigInteger)
_first_deadline: Final = (
    select(tasks.c.deadline_at)
    .where(tasks.c.deadline_at.is_not(None), task_is_open)
    .order_by(tasks.c.deadline_at)
    .limit(1)
    .scalar_subquery()
)
"""In the order of an index, so that PostgreSQL uses it: without statistics it would read all tasks to learn of one."""
_LOOK: Final = select(
    exists().where(jobs.c.schedule_at <= _NOW, job_is_planned).label("planned"),
    exists().where(jobs.c.finish_at <= _NOW, job_is_running).label("finishing"),
    exists().where(JOB_IS_STEERED).label("steered"),
    exists().where(jobs.c.ending_states.is_not(None)).label("stopping"),
    exists().where(jobs.c.selected_up_to < jobs.c.select_up_to, jobs.c.ended_at.is_(None)).label("selecting"),
    exists()
    .where(device_batches.c.product_id == products.c.id, batch_is_unfinished, product_is_kept)
    .label("registering"),
    (_first_deadline <= _NOW).label("overdue"),
    exists(select(disconnections.c.device_id)).label("disconnecting"),
    exists()
    .where(tuf_repositories.c.product_id == products.c.id, tuf_repositories.c.due_at <= _NOW, product_is_kept)
    .label("unsigned"),
    or_(exists().where(~package_is_kept), exists().where(~product_is_kept)).label("deleted"),
)


def look(tx: Connection, now: int) -> Waiting:
    """What waits for the worker at a time."""
    found = tx.execute(_LOOK, {"now": now}).mappings().one()
    return Waiting(**{str(name): bool(waits) for name, waits in found.items()})
