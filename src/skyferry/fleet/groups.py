"""Groups of devices: static ones, which devices are put into, and dynamic ones, which devices match (§9.4)."""

from enum import StrEnum

from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.store import groups as statements
from skyferry.store.groups import GroupRecord


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
    group = statements.find(tx, instance_id, group_id, group_type or GroupType.STATIC)
    if group is None:
        raise ApiError(codes.NOT_EXISTED_GROUP)
    return group
