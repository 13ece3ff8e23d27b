"""Statements that turn devices into tasks: one rule, used to look, to replace and to insert."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Integer,
    Select,
    SmallInteger,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from skyferry.store import rows
from skyferry.store.dialect import planned_for_many
from skyferry.store.tables import OPEN_BELOW, devices, jobs, module_versions, task_is_open, tasks
from skyferry.store.tasks import ChangedTask


@dataclass(frozen=True, slots=True)
class SelectionRule:
    """Which devices a job is for.

    Attributes:
        product_id: only devices of this product,
        module: that have reported a version of this module,
        dest_version: other than this one,
        src_versions: and one of these, unless the list is empty,
        after: with a key above this one,
        up_to: and not above that one,
        device_ids: and one of these, unless None,
        members: and that fulfil this condition on their rows, unless None,
        without_task_of: and that have no task of this job.
    """

    product_id: int
    module: str
    dest_version: str
    src_versions: Sequence[str]
    after: int
    up_to: int
    device_ids: Collection[int] | None = None
    members: ColumnElement[bool] | None = None
    without_task_of: int | None = None

    @property
    def is_of_product(self) -> bool:
        """Whether it is about all devices of the product within the range, which are many."""
        return self.device_ids is None and self.members is None


@dataclass(frozen=True, slots=True)
class NewTasks:
    """How the tasks of a job begin.

    Attributes:
        job_id: key of the job.
        package_id: key of its package.
        any_module: True when an open task of any module of the device is in the way, False for the same module only.
        initial: the state of a task that can run.
        blocked: the state of a task for a device that has another open one; such devices get no task when it is None.
        blocked_description: what a blocked task says.
        push: whether the notice is due at once for devices that are online,
        jitter_ms: spread over this many milliseconds.
        timeout_minutes: how long the devices may take from their first progress on; None for any time.
        now: the time of creation.
    """

    job_id: int
    package_id: int
    any_module: bool
    initial: int
    blocked: int | None
    blocked_description: str
    push: bool
    jitter_ms: int
    timeout_minutes: int | None
    now: int


@dataclass(frozen=True, slots=True)
class MadeTasks:
    """How many tasks were made.

    Attributes:
        initial: those that can run.
        blocked: those of devices that have another open one.
    """

    initial: int
    blocked: int


@dataclass(frozen=True, slots=True)
class AskedFor:
    """The devices of a rule whatever version they run.

    Attributes:
        devices: how many they are,
        without_version: how many of them have reported no version of the module,
        up_to_date: and how many run the destination version.
    """

    devices: int
    without_version: int
    up_to_date: int


Values = Mapping[str, ColumnElement[Any]]
"""Columns of a new row by their names."""
_FEW: Final = 10_000
"""So many devices are sorted to find the first of them."""
_SPREAD = 7_919
"""A prime: neighbours in the table are pushed at times far from each other."""


def _devices(rule: SelectionRule, *selected: ColumnElement[Any]) -> Select[Any]:
    same_module = and_(module_versions.c.device_id == devices.c.id, module_versions.c.module == rule.module)
    statement = (
        select(*selected)
        .select_from(devices.join(module_versions, same_module))
        .where(
            devices.c.product_id == rule.product_id,
            devices.c.id > rule.after,
            devices.c.id <= rule.up_to,
            # PostgreSQL does not conclude the same of the other table: it would read all versions that there are.
            module_versions.c.device_id > rule.after,
            module_versions.c.device_id <= rule.up_to,
            module_versions.c.version != rule.dest_version,
        )
    )
    if rule.src_versions:
        statement = statement.where(module_versions.c.version.in_(rule.src_versions))
    statement = statement.where(*_limits(rule))
    if rule.without_task_of is not None:
        own = tasks.alias("own")
        has_one = exists().where(own.c.device_id == devices.c.id, own.c.job_id + 0 == rule.without_task_of)
        statement = statement.where(~has_one)
    return statement


def _limits(rule: SelectionRule) -> Sequence[ColumnElement[bool]]:
    """Which devices the rule is about, besides those of a product."""
    named = () if rule.device_ids is None else (devices.c.id.in_(rule.device_ids),)
    return (*named, *(() if rule.members is None else (rule.members,)))


def any_device(tx: Connection, rule: SelectionRule) -> bool:
    """True when the rule selects a device."""
    return first_device(tx, rule) is not None


def first_device(tx: Connection, rule: SelectionRule) -> int | None:
    """The key of a device that the rule selects."""
    return tx.execute(_devices(rule, devices.c.id).limit(1)).scalar()


def device_ids(tx: Connection, rule: SelectionRule) -> Sequence[int]:
    """The keys of the devices that the rule selects, in their order; for rules over one portion."""
    return tx.execute(_devices(rule, devices.c.id).order_by(devices.c.id)).scalars().all()


def count(tx: Connection, rule: SelectionRule) -> int:
    """How many devices the rule selects."""
    return tx.execute(select(func.count()).select_from(_devices(rule, devices.c.id).subquery())).scalar_one()


def count_asked_for(tx: Connection, rule: SelectionRule) -> AskedFor:
    """The devices that the rule is about, and why some of them cannot be selected."""
    same_module = and_(module_versions.c.device_id == devices.c.id, module_versions.c.module == rule.module)
    version = module_versions.c.version
    statement = select(
        func.count(),
        func.count(case((version.is_(None), 1))),
        func.count(case((version == rule.dest_version, 1))),
    )
    asked_for = statement.select_from(devices.outerjoin(module_versions, same_module)).where(
        devices.c.product_id == rule.product_id,
        devices.c.id > rule.after,
        devices.c.id <= rule.up_to,
        *_limits(rule),
    )
    found, without_version, up_to_date = tx.execute(asked_for).one()
    return AskedFor(found, without_version, up_to_date)


def count_by_version(tx: Connection, rule: SelectionRule, limit: int) -> Sequence[tuple[str, int]]:
    """How many of the selected devices run each version, the commonest versions first."""
    number = func.count()
    statement = _devices(rule, module_versions.c.version, number).group_by(module_versions.c.version)
    return tx.execute(statement.order_by(number.desc(), module_versions.c.version).limit(limit)).all()


def count_busy(tx: Connection, rule: SelectionRule, *, any_module: bool) -> int:
    """How many of the selected devices have an open task, of any module or of the rule's one."""
    busy = exists().where(tasks.c.device_id == devices.c.id, task_is_open)
    if not any_module:
        busy = busy.where(tasks.c.module == rule.module)
    return int(tx.execute(_devices(rule, func.count()).where(busy)).scalar_one())


def count_busy_of_product(tx: Connection, rule: SelectionRule, *, any_module: bool, most: int) -> int:
    """As `count_busy` for a rule over a whole product, up to a number: by its open tasks, not by its devices."""
    same_module = and_(module_versions.c.device_id == tasks.c.device_id, module_versions.c.module == rule.module)
    busy = (
        select(tasks.c.device_id)
        .select_from(tasks.join(module_versions, same_module))
        .where(
            tasks.c.job_id.in_(select(jobs.c.id).where(jobs.c.product_id == rule.product_id)),
            task_is_open,
            module_versions.c.version != rule.dest_version,
        )
        .distinct()
        .limit(most)
    )
    if rule.src_versions:
        busy = busy.where(module_versions.c.version.in_(rule.src_versions))
    if not any_module:
        busy = busy.where(tasks.c.module == rule.module)
    return tx.execute(select(func.count()).select_from(busy.subquery())).scalar_one()


def first_names(tx: Connection, rule: SelectionRule, limit: int) -> Sequence[str]:
    """The names of the first devices that the rule selects."""
    statement = _devices(rule, devices.c.name).order_by(devices.c.id).limit(limit)
    return tx.execute(statement).scalars().all()


def first_names_by_version(
    tx: Connection, rule: SelectionRule, versions: Collection[str], limit: int
) -> Sequence[str] | None:
    """As `first_names`, by way of those who run one of the versions; None when these are many, in all products.

    It finds a few devices that stand behind many others.
    """
    running = select(module_versions.c.device_id).where(module_versions.c.version.in_(versions))
    if tx.execute(running.offset(_FEW).limit(1)).first() is not None:
        return None
    # In a form that the index over keys does not serve: it would go through the product's devices.
    statement = _devices(rule, devices.c.name).where(devices.c.id.in_(running)).order_by(devices.c.id + 0)
    return tx.execute(statement.limit(limit)).scalars().all()


def end_of_chunk(tx: Connection, rule: SelectionRule, size: int) -> int:
    """The key up to which the product has `size` devices after `rule.after`; `rule.up_to` when it has fewer."""
    statement = (
        select(devices.c.id)
        .where(devices.c.product_id == rule.product_id, devices.c.id > rule.after, devices.c.id <= rule.up_to)
        .order_by(devices.c.id)
        .offset(size - 1)
        .limit(1)
    )
    return tx.execute(statement).scalar() or rule.up_to


def overwrite(
    tx: Connection,
    rule: SelectionRule,
    *,
    job_id: int,
    any_module: bool,
    sources: Collection[int],
    target: int,
    description: str,
    now: int,
) -> Sequence[ChangedTask]:
    """Ends the open tasks that the selected devices have in older jobs, and tells which they were.

    A device keeps its tasks when one of them is in another state than the source states: that one stays in the way.
    """
    other = tasks.alias("other")
    stays = exists().where(
        other.c.device_id == tasks.c.device_id,
        other.c.status < literal_column(str(OPEN_BELOW)),
        or_(other.c.status.not_in(sources), other.c.job_id >= job_id),
    )
    statement = update(tasks).where(
        task_is_open,
        tasks.c.status.in_(sources),
        tasks.c.job_id < job_id,
        tasks.c.device_id.in_(_devices(rule, devices.c.id)),
    )
    # Of one module there is one open task at the most: it ends or it stays.
    statement = statement.where(~stays if any_module else tasks.c.module == rule.module)
    statement = statement.values(
        status=target, description=description, dispatch_at=None, retry_at=None, modified_at=now
    )
    return rows.all_of(ChangedTask, tx.execute(statement.returning(*rows.columns(ChangedTask, tasks))))


def insert_tasks(tx: Connection, rule: SelectionRule, new: NewTasks) -> MadeTasks:
    """Makes a task for each selected device, and tells how many."""
    other = tasks.alias("other")
    in_the_way = exists().where(
        other.c.device_id == devices.c.id,
        other.c.device_id > rule.after,
        other.c.device_id <= rule.up_to,
        other.c.status < literal_column(str(OPEN_BELOW)),
    )
    if not new.any_module:
        in_the_way = in_the_way.where(other.c.module == rule.module)
    due_at = literal(new.now) + (devices.c.id * _SPREAD) % max(new.jitter_ms, 1)
    due = case((devices.c.connection_id.is_not(None), due_at), else_=null()) if new.push else null()
    common: Values = {
        "job_id": literal(new.job_id),
        "package_id": literal(new.package_id),
        "device_id": devices.c.id,
        "module": literal(rule.module),
        "src_version": module_versions.c.version,
        "timeout_minutes": literal(new.timeout_minutes, Integer),
        "created_at": literal(new.now),
        "modified_at": literal(new.now),
    }
    blocked: Values = {
        "status": literal(new.blocked, SmallInteger),
        "description": literal(new.blocked_description),
    }
    initial: Values = {"status": literal(new.initial, SmallInteger), "description": literal(""), "dispatch_at": due}
    with planned_for_many(tx) if rule.is_of_product else nullcontext():
        # Those that are blocked come first: their tasks are not open, and in nobody's way.
        return MadeTasks(
            blocked=0 if new.blocked is None else _insert(tx, _devices(rule).where(in_the_way), {**common, **blocked}),
            initial=_insert(tx, _devices(rule).where(~in_the_way), {**common, **initial}),
        )


def _insert(tx: Connection, chosen: Select[Any], values: Values) -> int:
    """Makes a task for each device that is chosen, and tells how many; what is made is counted, not handed over."""
    source = chosen.with_only_columns(*values.values()).order_by(devices.c.id)
    statement = insert(tasks).from_select(list(values), source)
    return tx.execute(statement, execution_options={"preserve_rowcount": True}).rowcount
