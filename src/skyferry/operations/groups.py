"""Operations on groups of devices (control-plane reference §9.4)."""

from collections.abc import Sequence
from typing import Final

from pydantic import Field
from sqlalchemy import Connection

from skyferry import error_codes as codes
from skyferry.errors import ApiError
from skyferry.fleet import groups
from skyferry.fleet.groups import GroupType
from skyferry.operations import formats
from skyferry.operations.services import Call, InstanceRequest
from skyferry.rpc.operation import Access, Empty, ResponseModel, operation
from skyferry.store import groups as statements
from skyferry.store import memberships as membership_statements
from skyferry.store.devices import DeviceStatistics
from skyferry.store.groups import GroupFilter, GroupRecord

_DEFAULT_PAGE: Final = 10
_LARGEST_PAGE: Final = 200


class CreateDeviceGroupRequest(InstanceRequest):
    """Parameters of CreateDeviceGroup."""

    group_name: str
    """4 to 30 letters, digits and `_`, where a Chinese character counts twice. It is unique in the instance."""
    group_desc: str | None = None
    """At most 100 characters."""
    super_group_id: str | None = None
    """The static group to which the new one belongs, two levels deep at most; a first-level group when absent."""


class CreatedGroup(ResponseModel):
    """`Data` of CreateDeviceGroup."""

    group_id: str
    group_name: str
    group_desc: str | None
    utc_create: str


class CreateDeviceGroupResponse(ResponseModel):
    """Answer of CreateDeviceGroup."""

    data: CreatedGroup


@operation("CreateDeviceGroup", qps=500, access=Access.WRITE)
async def create_device_group(call: Call, request: CreateDeviceGroupRequest) -> CreateDeviceGroupResponse:
    """Makes a group that devices are put into."""
    group = await call.services.store.write(
        groups.create,
        request.group_name,
        request.group_desc,
        parent=request.super_group_id,
        instance_id=call.instance.id,
        now=call.services.clock.now_ms(),
    )
    return CreateDeviceGroupResponse(
        data=CreatedGroup(
            group_id=group.group_id,
            group_name=group.name,
            group_desc=group.description,
            utc_create=formats.utc(group.created_at),
        )
    )


class CreateDeviceDynamicGroupRequest(InstanceRequest):
    """Parameters of CreateDeviceDynamicGroup."""

    iot_instance_id: str
    """The instance of the account."""
    group_name: str
    """4 to 30 letters, digits and `_`, where a Chinese character counts twice. It is unique in the instance."""
    dynamic_group_expression: str
    """Which devices belong to the group: a condition as it stands after WHERE in QueryDeviceBySQL."""
    group_desc: str | None = None
    """At most 100 characters."""


class CreatedDynamicGroup(CreatedGroup):
    """`Data` of CreateDeviceDynamicGroup."""

    dynamic_group_expression: str


class CreateDeviceDynamicGroupResponse(ResponseModel):
    """Answer of CreateDeviceDynamicGroup."""

    data: CreatedDynamicGroup


@operation("CreateDeviceDynamicGroup", qps=1, access=Access.WRITE)
async def create_device_dynamic_group(
    call: Call, request: CreateDeviceDynamicGroupRequest
) -> CreateDeviceDynamicGroupResponse:
    """Makes a group of the devices that match an expression, whenever it is asked."""
    group = await call.services.store.write(
        groups.create_dynamic,
        request.group_name,
        request.group_desc,
        expression=request.dynamic_group_expression,
        instance_id=call.instance.id,
        now=call.services.clock.now_ms(),
    )
    return CreateDeviceDynamicGroupResponse(
        data=CreatedDynamicGroup(
            group_id=group.group_id,
            group_name=group.name,
            group_desc=group.description,
            utc_create=formats.utc(group.created_at),
            dynamic_group_expression=request.dynamic_group_expression,
        )
    )


class GroupRequest(InstanceRequest):
    """Names a group."""

    group_id: str


class TypedGroupRequest(GroupRequest):
    """Names a group and says its type; a static group is meant when no type is said."""

    group_type: str | None = None
    """`LINK_PLATFORM` for a static group, `LINK_PLATFORM_DYNAMIC` for a dynamic one."""


class UpdateDeviceGroupRequest(TypedGroupRequest):
    """Parameters of UpdateDeviceGroup."""

    group_desc: str | None = None
    """At most 100 characters; nothing changes when it is absent."""


def _update(tx: Connection, instance_id: int, request: UpdateDeviceGroupRequest, now: int) -> None:
    group = groups.find(tx, instance_id, request.group_id, _type(request.group_type))
    groups.describe(tx, group, request.group_desc, now)


@operation("UpdateDeviceGroup", qps=50, access=Access.WRITE)
async def update_device_group(call: Call, request: UpdateDeviceGroupRequest) -> Empty:
    """Changes the description of a group."""
    await call.services.store.write(_update, call.instance.id, request, call.services.clock.now_ms())
    return Empty()


def _delete(tx: Connection, instance_id: int, group_id: str, group_type: GroupType) -> None:
    groups.delete(tx, groups.find(tx, instance_id, group_id, group_type))


@operation("DeleteDeviceGroup", qps=500, access=Access.WRITE)
async def delete_device_group(call: Call, request: GroupRequest) -> Empty:
    """Deletes a static group that has no subgroups; its devices stay."""
    await call.services.store.write(_delete, call.instance.id, request.group_id, GroupType.STATIC)
    return Empty()


class DynamicGroupRequest(GroupRequest):
    """Names a dynamic group."""

    iot_instance_id: str
    """The instance of the account."""


@operation("DeleteDeviceDynamicGroup", qps=10, access=Access.WRITE)
async def delete_device_dynamic_group(call: Call, request: DynamicGroupRequest) -> Empty:
    """Deletes a dynamic group."""
    await call.services.store.write(_delete, call.instance.id, request.group_id, GroupType.DYNAMIC)
    return Empty()


class GroupDetails(ResponseModel):
    """`Data` of QueryDeviceGroupInfo."""

    group_id: str
    group_name: str
    group_desc: str | None
    utc_create: str
    device_count: int
    device_active: int
    """How many were ever online."""
    device_online: int
    dynamic_group_expression: str | None


class QueryDeviceGroupInfoResponse(ResponseModel):
    """Answer of QueryDeviceGroupInfo."""

    data: GroupDetails


def _with_statistics(
    tx: Connection, instance_id: int, group_id: str, group_type: GroupType
) -> tuple[GroupRecord, DeviceStatistics]:
    group = groups.find(tx, instance_id, group_id, group_type)
    return group, membership_statements.statistics(tx, group)


@operation("QueryDeviceGroupInfo", qps=30, access=Access.READ)
async def query_device_group_info(call: Call, request: TypedGroupRequest) -> QueryDeviceGroupInfoResponse:
    """Tells everything about one group, and how many devices it has."""
    group, counts = await call.services.store.read(
        _with_statistics, call.instance.id, request.group_id, _type(request.group_type)
    )
    return QueryDeviceGroupInfoResponse(
        data=GroupDetails(
            group_id=group.group_id,
            group_name=group.name,
            group_desc=group.description,
            utc_create=formats.utc(group.created_at),
            device_count=counts.devices,
            device_active=counts.activated,
            device_online=counts.online,
            dynamic_group_expression=group.expression,
        )
    )


class QueryDeviceGroupListRequest(InstanceRequest):
    """Parameters of QueryDeviceGroupList."""

    current_page: int = 1
    page_size: int = _DEFAULT_PAGE
    """1 to 200."""
    group_name: str | None = None
    """Only groups with this text in their name."""
    super_group_id: str | None = None
    """Only groups directly below this one; those of all levels when absent."""
    group_types: list[str] = Field(default_factory=list)
    """`LINK_PLATFORM`, `LINK_PLATFORM_DYNAMIC` or both; static groups when absent."""


class GroupInfo(ResponseModel):
    """One group in a list."""

    group_id: str
    group_name: str
    group_desc: str | None
    group_type: str
    utc_create: str

    @classmethod
    def of(cls, group: GroupRecord) -> "GroupInfo":
        """What a list tells of a group."""
        return cls(
            group_id=group.group_id,
            group_name=group.name,
            group_desc=group.description,
            group_type=group.type,
            utc_create=formats.utc(group.created_at),
        )


class GroupInfos(ResponseModel):
    """Wraps the list."""

    group_info: list[GroupInfo]


class QueryDeviceGroupListResponse(ResponseModel):
    """Answer of QueryDeviceGroupList."""

    current_page: int
    page_size: int
    page_count: int
    total: int
    data: GroupInfos


def _page(
    tx: Connection, instance_id: int, request: QueryDeviceGroupListRequest, offset: int
) -> tuple[int, Sequence[GroupRecord]]:
    parent = groups.find(tx, instance_id, request.super_group_id) if request.super_group_id else None
    types = {_type(text) for text in request.group_types} or {GroupType.STATIC}
    wanted = GroupFilter(types, request.group_name or None, parent.id if parent else None)
    total = statements.count(tx, instance_id, wanted)
    return total, statements.page(tx, instance_id, wanted, offset=offset, limit=request.page_size)


@operation(
    "QueryDeviceGroupList",
    qps=100,
    access=Access.READ,
    deviations=("A part of a name is found in any script, Chinese too.",),
)
async def query_device_group_list(call: Call, request: QueryDeviceGroupListRequest) -> QueryDeviceGroupListResponse:
    """Pages the groups of all levels, or those directly below one, newest first."""
    offset = formats.offset(request.current_page, request.page_size, most=_LARGEST_PAGE)
    total, page = await call.services.store.read(_page, call.instance.id, request, offset)
    return QueryDeviceGroupListResponse(
        current_page=request.current_page,
        page_size=request.page_size,
        page_count=formats.page_count(total, request.page_size),
        total=total,
        data=GroupInfos(group_info=[GroupInfo.of(group) for group in page]),
    )


def _type(text: str | None) -> GroupType:
    if not text:
        return GroupType.STATIC
    try:
        return GroupType(text)
    except ValueError:
        types = " or ".join(GroupType)
        raise ApiError(codes.INVALID_FORMATTED_PARAMETER, f"The type of a group is {types}.") from None
