"""Statements on groups of devices."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, delete, exists, false, func, select, update
from sqlalchemy.sql.elements import ColumnElement

from skyferry.search.parsing import parse_condition
from skyferry.store import conditions, rows
from skyferry.store.tables import accounts, devices, group_members, groups, instances


@dataclass(frozen=True, slots=True)
class GroupRecord:
    """A row of `groups`; a dynamic one has an expression."""

    id: int
    instance_id: int
    group_id: str
    name: str
    description: str | None
    type: str
    parent_id: int | None
    level: int
    expression: str | None
    created_at: int
    modified_at: int


StatementT = TypeVar("StatementT", bound=Select[*tuple[Any, ...]])

_COLUMNS = rows.columns(GroupRecord, groups)


def members(group: GroupRecord) -> ColumnElement[bool]:
    """True for the rows of `devices` that are in the group.

    A static group has the devices that were put into it, not those of its subgroups; a dynamic group has the devices
    of its instance that match its expression now.
    """
    if group.expression is not None:
        condition = conditions.compiled(parse_condition(group.expression))
        return and_(conditions.of_instance(group.instance_id), condition)
    return (
        exists()
        .where(group_members.c.group_id == group.id, group_members.c.device_id == devices.c.id)
        .correlate(devices)
    )


def members_of(tx: Connection, instance_id: int, group_id: str) -> ColumnElement[bool]:
    """As `members`, for the group of this GroupId; true for no device when the group is gone."""
    group = find_any(tx, instance_id, group_id)
    return false() if group is None else members(group)


def find_any(tx: Connection, instance_id: int, group_id: str) -> GroupRecord | None:
    """The group of this GroupId, whatever its type."""
    statement = select(*_COLUMNS).where(groups.c.group_id == group_id, groups.c.instance_id == instance_id)
    return rows.one_of(GroupRecord, tx.execute(statement))


def find(tx: Connection, instance_id: int, group_id: str, group_type: str) -> GroupRecord | None:
    """The group of this GroupId and type."""
    statement = select(*_COLUMNS).where(
        groups.c.group_id == group_id, groups.c.instance_id == instance_id, groups.c.type == group_type
    )
    return rows.one_of(GroupRecord, tx.execute(statement))


def lock(tx: Connection, instance_id: int) -> None:
    """Lets nobody else add to the account's groups until the transaction ends, so that their bounds hold."""
    owner = select(instances.c.account_id).where(instances.c.id == instance_id).scalar_subquery()
    tx.execute(select(accounts.c.id).where(accounts.c.id == owner).with_for_update(key_share=True))


def insert(tx: Connection, **values: object) -> None:
    """Adds a group.

    Raises:
        sqlalchemy.exc.IntegrityError: the name is taken in the instance.
    """
    tx.execute(groups.insert(), values)


def name_is_taken(tx: Connection, instance_id: int, name: str) -> bool:
    """True when the instance has a group of this name."""
    statement = select(groups.c.id).where(groups.c.instance_id == instance_id, groups.c.name == name)
    return tx.execute(statement).first() is not None


def count_of_account(tx: Connection, instance_id: int, group_type: str) -> int:
    """How many groups of the type there are in all instances of the account that owns the instance."""
    owner = select(instances.c.account_id).where(instances.c.id == instance_id).scalar_subquery()
    owned = select(instances.c.id).where(instances.c.account_id == owner)
    statement = (
        select(func.count()).select_from(groups).where(groups.c.instance_id.in_(owned), groups.c.type == group_type)
    )
    return tx.execute(statement).scalar_one()


def count_subgroups(tx: Connection, key: int) -> int:
    """How many groups the group has directly below it."""
    return tx.execute(select(func.count()).select_from(groups).where(groups.c.parent_id == key)).scalar_one()


def change(tx: Connection, key: int, values: Mapping[str, Any]) -> bool:
    """Changes a group; False when it is gone."""
    return tx.execute(update(groups).where(groups.c.id == key).values(**values)).rowcount == 1


def remove(tx: Connection, key: int) -> bool:
    """Deletes a group that has no subgroups, with its memberships; False when it has some or is gone."""
    below = groups.alias("below")
    childless = ~exists().where(below.c.parent_id == key)
    return tx.execute(delete(groups).where(groups.c.id == key, childless)).rowcount == 1


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """Which groups are listed.

    Attributes:
        types: those of these types,
        name: whose name has this text in it, in this letter case,
        parent_id: directly below this group.
    """

    types: Collection[str]
    name: str | None = None
    parent_id: int | None = None


def _listed(statement: StatementT, instance_id: int, wanted: GroupFilter) -> StatementT:
    statement = statement.where(groups.c.instance_id == instance_id, groups.c.type.in_(wanted.types))
    if wanted.name is not None:
        statement = statement.where(func.replace(groups.c.name, wanted.name, "") != groups.c.name)
    if wanted.parent_id is not None:
        statement = statement.where(groups.c.parent_id == wanted.parent_id)
    return statement


def count(tx: Connection, instance_id: int, wanted: GroupFilter) -> int:
    """How many groups of the instance the filter lets through."""
    return tx.execute(_listed(select(func.count()).select_from(groups), instance_id, wanted)).scalar_one()


def page(tx: Connection, instance_id: int, wanted: GroupFilter, *, offset: int, limit: int) -> Sequence[GroupRecord]:
    """Groups of the instance that the filter lets through, newest first."""
    statement = _listed(select(*_COLUMNS), instance_id, wanted).order_by(groups.c.id.desc())
    return rows.all_of(GroupRecord, tx.execute(statement.offset(offset).limit(limit)))


def of_device(tx: Connection, device_id: int) -> Sequence[GroupRecord]:
    """The static groups that the device was put into, newest first."""
    statement = (
        select(*_COLUMNS)
        .join(group_members, group_members.c.group_id == groups.c.id)
        .where(group_members.c.device_id == device_id)
        .order_by(groups.c.id.desc())
    )
    return rows.all_of(GroupRecord, tx.execute(statement))
