"""Statements on groups of devices."""

from dataclasses import dataclass

from sqlalchemy import Connection, and_, exists, false, select
from sqlalchemy.sql.elements import ColumnElement

from skyferry.search.parsing import parse_condition
from skyferry.store import rows, search
from skyferry.store.tables import devices, group_members, groups


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


_COLUMNS = rows.columns(GroupRecord, groups)


def members(group: GroupRecord) -> ColumnElement[bool]:
    """True for the rows of `devices` that are in the group.

    A static group has the devices that were put into it, not those of its subgroups; a dynamic group has the devices
    of its instance that match its expression now.
    """
    if group.expression is not None:
        condition = search.compiled(parse_condition(group.expression))
        return and_(search.of_instance(group.instance_id), condition)
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
