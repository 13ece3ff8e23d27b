"""Groups of devices: static ones, which devices are put into, and dynamic ones, which devices match (§9.4)."""

from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry import identifiers
from skyferry.errors import ApiError
from skyferry.fleet import names
from skyferry.search.parsing import parse_condition
from skyferry.store import groups as statements
from skyferry.store.groups import GroupRecord

MOST_GROUPS: Final = 1_000
MOST_DYNAMIC_GROUPS: Final = 10
MOST_SUBGROUPS: Final = 100
_DEEPEST_LEVEL: Final = 3
_LONGEST_NAME: Final = 30
_LONGEST_DESCRIPTION: Final = 100


class GroupType(StrEnum):
    """What decides who belongs to a group."""

    STATIC = "LINK_PLATFORM"
    DYNAMIC = "LINK_PLATFORM_DYNAMIC"


def find(tx: Connection, instance_id: int, group_id: str, group_type: str | None = None) -> GroupRecord:
    """The group of this GroupId and type; a static one when no type is said.

    Raises:
        ApiError: the instance has none.
    """
    if not group_id.strip():
        raise ApiError(codes.NULL_GROUP_ID)
    wanted = group_type or GroupType.STATIC
    group = statements.find(tx, instance_id, group_id, wanted)
    if group is None:
        other = statements.find_any(tx, instance_id, group_id)
        raise ApiError(
            codes.NOT_EXISTED_GROUP, "" if other is None else f"The type of this group is {other.type}, not {wanted}."
        )
    return group


def find_any(tx: Connection, instance_id: int, group_id: str) -> GroupRecord:
    """The group of this GroupId, whatever its type.

    Raises:
        ApiError: the instance has none.
    """
    group = statements.find_any(tx, instance_id, group_id)
    if group is None:
        raise ApiError(codes.NOT_EXISTED_GROUP)
    return group


def create(
    tx: Connection,
    name: str,
    description: str | None,
    *,
    parent: str | None = None,
    instance_id: int,
    now: int,
    group_id: str | None = None,
) -> GroupRecord:
    """Makes a static group, directly below the group of the GroupId `parent` if that is given.

    A group that moves in from another platform keeps its GroupId; otherwise it gets a random one.

    Raises:
        sqlalchemy.exc.IntegrityError: the given GroupId is taken.
        ApiError: a value that is not allowed, a name that is taken, or too many groups.
    """
    _check(name, description)
    statements.lock(tx, instance_id)
    above = _parent(tx, instance_id, parent) if parent else None
    values = {"parent_id": above.id, "level": above.level + 1} if above else {}
    own_id = group_id or identifiers.group_id()
    return _insert(tx, GroupType.STATIC, own_id, name, description, instance_id=instance_id, now=now, **values)


def create_dynamic(
    tx: Connection,
    name: str,
    description: str | None,
    *,
    expression: str,
    instance_id: int,
    now: int,
    group_id: str | None = None,
) -> GroupRecord:
    """Makes a dynamic group, of the devices that match the expression; its GroupId as in `create`.

    Raises:
        sqlalchemy.exc.IntegrityError: the given GroupId is taken.
        ApiError: a value that is not allowed, a name that is taken, or too many groups.
    """
    _check(name, description)
    parse_condition(expression)
    statements.lock(tx, instance_id)
    own_id = group_id or identifiers.group_id()
    return _insert(
        tx, GroupType.DYNAMIC, own_id, name, description, instance_id=instance_id, now=now, expression=expression
    )


def describe(tx: Connection, group: GroupRecord, description: str | None, now: int) -> None:
    """Gives a group another description; nothing changes when it is None.

    Raises:
        ApiError: the description is too long, or the group is gone.
    """
    _check_description(description)
    if description is not None and not statements.change(
        tx, group.id, {"description": description, "modified_at": now}
    ):
        raise ApiError(codes.NOT_EXISTED_GROUP)


def delete(tx: Connection, group: GroupRecord) -> None:
    """Deletes a group; its devices keep their tasks.

    Raises:
        ApiError: it has subgroups, or is gone.
    """
    statements.lock(tx, group.instance_id)
    if statements.remove(tx, group.id):
        return
    raise ApiError(codes.SUB_GROUP_NOT_NULL if statements.count_subgroups(tx, group.id) else codes.NOT_EXISTED_GROUP)


def _insert(
    tx: Connection,
    group_type: GroupType,
    group_id: str,
    name: str,
    description: str | None,
    *,
    instance_id: int,
    now: int,
    **values: object,
) -> GroupRecord:
    if statements.name_is_taken(tx, instance_id, name):
        raise ApiError(codes.GROUP_NAME_EXISTED)
    most = MOST_GROUPS if group_type is GroupType.STATIC else MOST_DYNAMIC_GROUPS
    if statements.count_of_account(tx, instance_id, group_type) >= most:
        raise ApiError(codes.GROUP_COUNT_EXCEED_MAX, f"The account has {most} groups of this type, which is the most.")
    common = {"instance_id": instance_id, "group_id": group_id, "type": group_type, "name": name}
    times = {"created_at": now, "modified_at": now}
    statements.insert(tx, **{**common, "description": description, "level": 1, **times, **values})
    return find(tx, instance_id, group_id, group_type)


def _parent(tx: Connection, instance_id: int, group_id: str) -> GroupRecord:
    parent = find(tx, instance_id, group_id)
    if parent.level >= _DEEPEST_LEVEL:
        raise ApiError(codes.GROUP_LEVEL_EXCEEDING_LIMIT_ERROR)
    if statements.count_subgroups(tx, parent.id) >= MOST_SUBGROUPS:
        raise ApiError(codes.GROUP_COUNT_EXCEED_MAX, f"The group {parent.name} has {MOST_SUBGROUPS} subgroups.")
    return parent


def _check(name: str, description: str | None) -> None:
    if not names.is_title(name, most=_LONGEST_NAME):
        raise ApiError(codes.INVALID_GROUP_NAME)
    _check_description(description)


def _check_description(description: str | None) -> None:
    if description is not None and len(description) > _LONGEST_DESCRIPTION:
        raise ApiError(codes.LONG_GROUP_DESC_ERROR)
